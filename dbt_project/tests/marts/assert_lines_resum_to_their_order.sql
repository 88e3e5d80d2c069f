{{ config(meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}
-- a failing row is an order whose money in the shop's currency differs, by a cent or more, from its lines', although they agree
-- in the order's currency
with

lines as (
    select
        order_id,
        sum(gross_amount) filter (where line_kind = 'product') as gross_amount,
        sum(refund_amount) as refund_amount,
        sum(shop_gross_amount) filter (where line_kind = 'product') as shop_gross_amount,
        sum(shop_refund_amount) as shop_refund_amount
    from {{ ref('fct_order_lines') }}
    group by order_id
)

select
    orders.order_id,
    orders.shop_gross_amount as order_gross_amount,
    lines.shop_gross_amount as lines_gross_amount,
    orders.shop_refund_amount as order_refund_amount,
    lines.shop_refund_amount as lines_refund_amount
from {{ ref('fct_orders') }} as orders
inner join lines on orders.order_id = lines.order_id
where
    (orders.gross_amount = lines.gross_amount and orders.shop_gross_amount is distinct from lines.shop_gross_amount)
    or (orders.refund_amount = lines.refund_amount and orders.shop_refund_amount is distinct from lines.shop_refund_amount)
