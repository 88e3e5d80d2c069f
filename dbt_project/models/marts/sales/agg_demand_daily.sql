with

demand as (select * from {{ ref('int_demand_by_day') }}),

stock_outs as (
    select
        sku,
        location_id,
        stock_date
    from {{ ref('fct_stock_daily') }}
    where is_stocked_out
)

select
    coalesce(demand.sku, stock_outs.sku) as sku,
    coalesce(demand.location_id, stock_outs.location_id) as location_id,
    coalesce(demand.demand_date, stock_outs.stock_date) as demand_date,
    coalesce(demand.units, 0) as units,
    coalesce(demand.cancelled_units, 0) as cancelled_units,
    coalesce(demand.returned_units, 0) as returned_units,
    coalesce(demand.demand_units, 0) as demand_units,
    coalesce(demand.n_orders, 0) as n_orders,
    case when demand.sku is null then 0 else demand.demand_amount end as demand_amount,
    {{ shop_setting('currency') }} as currency,
    coalesce(demand.n_lines_without_rate, 0) as n_lines_without_rate,
    stock_outs.sku is not null as is_stocked_out
from demand
full outer join stock_outs
    on
        demand.sku = stock_outs.sku
        and demand.location_id = stock_outs.location_id
        and demand.demand_date = stock_outs.stock_date
