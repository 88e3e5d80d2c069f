-- a failing row is a refund in another currency than its order: its amount cannot be taken off the order's
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}

select
    refunds.refund_id,
    refunds.order_id,
    refunds.currency,
    orders.currency as order_currency
from {{ ref('int_refunds_matched') }} as refunds
inner join {{ ref('fct_orders') }} as orders on refunds.order_id = orders.order_id
where refunds.currency <> orders.currency
