{#- An amount in the shop's currency, to the cent; null where the rate is missing (a missing rate is never 1:1). -#}
{% macro converted(amount, rate) -%}
    cast(round({{ amount }} * {{ rate }}, 2) as decimal(18, 2))
{%- endmacro %}

{#- One row's share of a converted running total: the shares of a window add up to the converted total, to the cent. -#}
{% macro converted_share(amount, rate, window) -%}
    cast(
        {{ converted('sum(' ~ amount ~ ') over ' ~ window, rate) }}
        - {{ converted('(sum(' ~ amount ~ ') over ' ~ window ~ ' - ' ~ amount ~ ')', rate) }} as decimal(18, 2)
    )
{%- endmacro %}

{#- A price of the price list in the currency of the line (CTE to_price), which may be the shop's. -#}
{% macro price_in_currency(amount) -%}
    case
        when to_price.is_listed_in_currency then {{ amount }}
        else cast(round({{ amount }} / to_price.exchange_rate, 2) as decimal(18, 2))
    end
{%- endmacro %}
