-- The contract of this table names its columns and their order.
with

lines as (select * from {{ ref('int_order_lines_converted') }})

select
    *,
    cast(gross_amount - discount_amount - refund_amount as decimal(18, 2)) as net_amount,
    cast(shop_gross_amount - shop_discount_amount - shop_refund_amount as decimal(18, 2)) as shop_net_amount
from lines
