with

lines as (
    select * from {{ ref('fct_order_lines') }}
    where line_kind = 'product' and demand_units > 0
)

select
    order_id,
    any_value(customer_id) as customer_id,
    sku,
    min(ordered_date) as order_date,
    cast(sum(demand_units) as double) as units,
    any_value(shipping_country) as country
from lines
group by order_id, sku
