with

lines as (
    select * from {{ ref('int_order_lines_converted') }}
    where line_kind = 'product'
)

select
    sku,
    location_id,
    ordered_date as demand_date,
    cast(sum(units) as bigint) as units,
    cast(sum(cancelled_units) as bigint) as cancelled_units,
    cast(sum(returned_units) as bigint) as returned_units,
    cast(sum(demand_units) as bigint) as demand_units,
    count(distinct order_id) filter (where demand_units > 0) as n_orders,
    cast(sum(shop_demand_amount) as decimal(18, 2)) as demand_amount,
    cast(coalesce(sum(demand_units) filter (where not is_rate_missing), 0) as bigint) as rated_units,
    count(*) filter (where is_rate_missing) as n_lines_without_rate
from lines
group by sku, location_id, ordered_date
