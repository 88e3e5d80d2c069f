with

told as (
    select
        order_id,
        unnest(['placed', 'paid', 'packed', 'shipped', 'delivered', 'returned', 'cancelled']) as order_status,
        unnest([ordered_at, paid_at, packed_at, dispatched_at, delivered_at, returned_at, cancelled_at]) as status_at
    from month_orders
)

select * from told
where status_at is not null
