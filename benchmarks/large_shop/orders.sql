-- The order as it is now; since the shop sends every change (from connected_day on) also as it was when paid and when shipped.
with

totals as (
    select
        order_id,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount
    from month_lines
    group by order_id
),

versions as (
    select
        *,
        greatest(ordered_at, paid_at, packed_at, dispatched_at, delivered_at, returned_at, cancelled_at) as updated_at,
        case
            when cancelled_at is not null then 'cancelled'
            when returned_at is not null then 'returned'
            when delivered_at is not null then 'delivered'
            when dispatched_at is not null then 'shipped'
            when packed_at is not null then 'packed'
            when paid_at is not null then 'paid'
            else 'placed'
        end as order_status
    from month_orders
    union all
    select
        *,
        paid_at as updated_at,
        'paid' as order_status
    from month_orders
    where day >= date '{connected_day}' and (packed_at is not null or cancelled_at > paid_at)
    union all
    select
        *,
        dispatched_at as updated_at,
        'shipped' as order_status
    from month_orders
    where day >= date '{connected_day}' and delivered_at is not null
)

select
    versions.order_id,
    versions.customer_id,
    case when channel = 'web' then 'v' || coalesce('c' || customer_number, 'o' || order_number) end as visitor_id,
    versions.ordered_at,
    versions.updated_at,
    versions.order_status,
    versions.channel,
    versions.location_id,
    versions.shipping_method,
    versions.shipping_country,
    secret('postcode ' || coalesce(customer_number, order_number) % 20000) as shipping_postcode,
    secret('name ' || coalesce(customer_number, -order_number)) as recipient_name,
    versions.currency,
    totals.gross_amount,
    totals.discount_amount,
    case when totals.gross_amount < 50 then 4.90 else 0 end as shipping_amount,
    round((totals.gross_amount - totals.discount_amount) * 19 / 119, 2) as tax_amount,
    totals.gross_amount - totals.discount_amount + case when totals.gross_amount < 50 then 4.90 else 0 end as total_amount,
    versions.payment_method,
    cast(versions.day + 2 as timestamptz) + interval 17 hour as promised_dispatch_at,
    versions.day
    + case versions.shipping_method when 'express' then 4 when 'standard' then 7 when 'economy' then 12 else 3 end as promised_delivery_date
from versions
inner join totals on versions.order_id = totals.order_id
