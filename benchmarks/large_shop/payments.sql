-- Every payment that came, and before one in twenty-five an attempt that failed.
with

totals as (
    select
        order_id,
        sum(gross_amount - discount_amount) + case when sum(gross_amount) < 50 then 4.90 else 0 end as amount
    from month_lines
    group by order_id
)

select
    orders.order_id || '-P2' as payment_id,
    orders.order_id,
    orders.payment_method,
    'captured' as payment_status,
    totals.amount,
    round(totals.amount * 0.019, 2) as fee_amount,
    orders.currency,
    null as failure_code,
    orders.paid_at
from month_orders as orders
inner join totals on orders.order_id = totals.order_id
where orders.paid_at is not null
union all
select
    orders.order_id || '-P1' as payment_id,
    orders.order_id,
    orders.payment_method,
    'failed' as payment_status,
    totals.amount,
    0 as fee_amount,
    orders.currency,
    pick(orders.order_number, 41, ['insufficient_funds', 'timeout', 'declined']) as failure_code,
    orders.ordered_at + interval 2 second as paid_at
from month_orders as orders
inner join totals on orders.order_id = totals.order_id
where draw(orders.order_number, 40) < 0.04
