{{ config(meta={'dagster': {'ref': {'name': 'agg_demand_daily'}}}) }}
-- a failing row is a SKU and day whose units differ between the order lines and the daily table
with

lines as (
    select
        sku,
        ordered_date as demand_date,
        sum(units) as units,
        sum(demand_units) as demand_units,
        sum(returned_units) as returned_units,
        sum(shop_demand_amount) as demand_amount
    from {{ ref('fct_order_lines') }}
    where line_kind = 'product'
    group by all
),

daily as (
    select
        sku,
        demand_date,
        sum(units) as units,
        sum(demand_units) as demand_units,
        sum(returned_units) as returned_units,
        sum(demand_amount) as demand_amount
    from {{ ref('agg_demand_daily') }}
    where units > 0  -- a day without a sale, stocked out, has no amount that a rate could be missing for
    group by all
)

select
    sku,
    demand_date,
    lines.units as line_units,
    daily.units as daily_units
from lines
full outer join daily using (sku, demand_date)
where
    lines.units is distinct from daily.units
    or lines.demand_units is distinct from daily.demand_units
    or lines.returned_units is distinct from daily.returned_units
    or lines.demand_amount is distinct from daily.demand_amount
