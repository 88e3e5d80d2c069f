{{ config(meta={'dagster': {'ref': {'name': 'feat_skus_daily'}}}) }}
-- a failing row is a SKU and location that gained or lost units on the way from the daily table to the dense series
with

daily as (
    select
        sku,
        location_id,
        sum(demand_units) as units
    from {{ ref('agg_demand_daily') }}
    group by all
    having sum(demand_units) > 0
),

series as (
    select
        sku,
        location_id,
        sum(units_sold) as units
    from {{ ref('feat_skus_daily') }}
    group by all
    having sum(units_sold) > 0
)

select
    sku,
    location_id,
    daily.units as daily_units,
    series.units as series_units
from daily
full outer join series using (sku, location_id)
where daily.units is distinct from series.units
