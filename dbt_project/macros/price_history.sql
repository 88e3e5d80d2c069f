{#-
    Two CTEs that find the price valid at a moment by equality of SKU and month, where a search by time would sort all that
    asks for one. A price holds until the next one of its key, and stands once in each month of that time up to `last`.
    Reads the CTE prices, defines held_prices and prices_by_month (with held_until, which no longer counts, and held_month).
-#}
{% macro prices_by_month(key, valid_from, last, never) -%}
held_prices as (
        select
            *,
            lead({{ valid_from }}, 1, {{ never }}) over (partition by {{ key | join(', ') }} order by {{ valid_from }}) as held_until
        from prices
    ),

    prices_by_month as (
        select
            *,
            unnest(generate_series(
                date_trunc('month', {{ valid_from }}), least(held_until, {{ last }}), interval 1 month
            )) as held_month
        from held_prices
    )
{%- endmacro %}
