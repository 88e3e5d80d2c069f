{#-
    Three CTEs for feat_skus_daily: when each SKU starts at each location, and one row for every demand period from there to
    as_of. Reads the CTEs demand and trading, defines starts, series and grid.
-#}
{% macro demand_series_grid() -%}
    -- a SKU exists at a location from its first sale there, or from its launch when it is stocked or can be bought there
    starts as (
        select
            sku,
            location_id,
            demand_date as start_date
        from demand
        union all
        select
            pairs.sku,
            pairs.location_id,
            greatest(products.launched_date, (select min(trading.demand_date) from trading)) as start_date
        from {{ ref('int_skus_stocked') }} as pairs
        inner join {{ ref('dim_products') }} as products on pairs.sku = products.sku
        where products.launched_date <= {{ shop_setting('as_of') }}
    ),

    series as (
        select
            sku,
            location_id,
            {{ demand_period('min(start_date)') }} as start_date
        from starts
        group by sku, location_id
    ),

    grid as (
        select
            sku,
            location_id,
            cast(unnest(generate_series(
                start_date,
                {{ shop_setting('as_of') }},
                to_days({{ shop_setting('demand_period_days') }})
            )) as date) as demand_date
        from series
    )
{%- endmacro %}
