-- Cancelled orders that were paid, line by line; returned lines; single lines cancelled by SKU, as some systems tell it; and money
-- back for nothing, on the order alone or (a few) told with customer and SKU only.
with

lines as (
    select
        lines.*,
        orders.cancelled_at,
        orders.paid_at,
        orders.packed_at,
        orders.delivered_at,
        orders.returned_at,
        draw(lines.line_key, 60) as fate
    from month_lines as lines
    inner join month_orders as orders on lines.order_id = orders.order_id
),

told as (
    select
        *,
        'cancellation' as refund_kind,
        line_number as told_line,
        order_id as told_order,
        units as told_units,
        cancelled_at as refunded_at
    from lines
    where cancelled_at > paid_at
    union all
    select
        *,
        'return' as refund_kind,
        line_number as told_line,
        order_id as told_order,
        units as told_units,
        returned_at as refunded_at
    from lines
    where returned_at is not null and (line_number = 1 or fate < 0.5)
    union all
    select
        *,
        'cancellation' as refund_kind,
        null as told_line,
        order_id as told_order,
        1 as told_units,
        packed_at as refunded_at
    from lines
    where packed_at is not null and returned_at is null and fate between 0.7 and 0.71
    union all
    select
        *,
        'cancellation' as refund_kind,
        null as told_line,
        null as told_order,
        1 as told_units,
        packed_at as refunded_at
    from lines
    where packed_at is not null and returned_at is null and customer_id is not null and fate between 0.8 and 0.801
)

select
    'R' || line_key || case when refund_kind = 'return' then 'b' else 'a' end as refund_id,
    told_order as order_id,
    told_line as line_number,
    customer_id,
    sku,
    refund_kind,
    told_units as units,
    round((gross_amount - discount_amount) * told_units / units, 2) as refund_amount,
    currency,
    refunded_at,
    case refund_kind when 'return' then 'does_not_fit' else 'changed_mind' end as reason
from told
union all
select
    'R' || order_number || 'c' as refund_id,
    order_id,
    null as line_number,
    customer_id,
    null as sku,
    'refund' as refund_kind,
    0 as units,
    2.00 as refund_amount,
    currency,
    delivered_at as refunded_at,
    'late' as reason
from month_orders
where delivered_at is not null and draw(order_number, 61) < 0.01
