-- a failing row is an order of which money was paid back that stands on none of its lines: the source names a line that the
-- order does not have
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}
with

lines as (
    select
        order_id,
        sum(refund_amount) as refund_amount
    from {{ ref('fct_order_lines') }}
    group by order_id
)

select
    orders.order_id,
    orders.refund_amount as order_refund_amount,
    lines.refund_amount as lines_refund_amount
from {{ ref('fct_orders') }} as orders
inner join lines on orders.order_id = lines.order_id
where orders.refund_amount <> lines.refund_amount
