with

orders as (select * from {{ ref('int_orders_converted') }}),

lines as (
    select
        order_id,
        count(*) filter (where line_kind = 'product') as n_lines,
        sum(units) filter (where line_kind = 'product') as units,
        sum(cancelled_units) filter (where line_kind = 'product') as cancelled_units,
        sum(returned_units) filter (where line_kind = 'product') as returned_units,
        sum(gross_amount) filter (where line_kind = 'product') as lines_gross_amount
    from {{ ref('int_order_lines_netted') }}
    group by order_id
),

refunds as (
    select
        order_id,
        sum(refund_amount) as refund_amount
    from {{ ref('int_refunds_matched') }}
    where order_id is not null
    group by order_id
),

parcels as (
    select
        order_id,
        count(*) as n_parcels,
        min(dispatched_at) as dispatched_at,
        max(delivered_at) as delivered_at,
        bool_or(is_late) as is_late
    from {{ ref('fct_shipments') }}
    group by order_id
),

joined as (
    select
        orders.*,
        payments.payment_status,
        payments.paid_at,
        parcels.dispatched_at,
        parcels.delivered_at,
        not orders.is_cancelled
        and coalesce(parcels.is_late, orders.promised_delivery_date < {{ shop_setting('as_of') }}, false) as is_late,
        coalesce(parcels.n_parcels, 0) as n_parcels,
        coalesce(lines.n_lines, 0) as n_lines,
        cast(coalesce(lines.units, 0) as bigint) as units,
        cast(coalesce(lines.cancelled_units, 0) as bigint) as cancelled_units,
        cast(coalesce(lines.returned_units, 0) as bigint) as returned_units,
        cast(coalesce(lines.lines_gross_amount, 0) as decimal(18, 2)) as lines_gross_amount,
        cast(coalesce(refunds.refund_amount, 0) as decimal(18, 2)) as refund_amount
    from orders
    left join lines on orders.order_id = lines.order_id
    left join refunds on orders.order_id = refunds.order_id
    left join parcels on orders.order_id = parcels.order_id
    left join {{ ref('int_orders_paid') }} as payments on orders.order_id = payments.order_id
),

in_both_currencies as (
    select
        *,
        {{ converted('gross_amount', 'exchange_rate') }} as shop_gross_amount,
        {{ converted('discount_amount', 'exchange_rate') }} as shop_discount_amount,
        {{ converted('refund_amount', 'exchange_rate') }} as shop_refund_amount,
        {{ converted('shipping_amount', 'exchange_rate') }} as shop_shipping_amount,
        {{ converted('tax_amount', 'exchange_rate') }} as shop_tax_amount,
        {{ converted('total_amount', 'exchange_rate') }} as shop_total_amount
    from joined
)

select
    order_id,
    customer_id,
    visitor_id,
    ordered_at,
    ordered_date,
    order_status,
    is_cancelled,
    channel,
    location_id,
    shipping_method,
    shipping_country,
    coupon_code,
    payment_method,
    payment_status,
    paid_at,
    promised_dispatch_at,
    promised_delivery_date,
    dispatched_at,
    delivered_at,
    is_late,
    n_parcels,
    n_lines,
    units,
    cancelled_units,
    returned_units,
    lines_gross_amount,
    gross_amount,
    discount_amount,
    refund_amount,
    cast(gross_amount - discount_amount - refund_amount as decimal(18, 2)) as net_amount,
    shipping_amount,
    tax_amount,
    total_amount,
    is_tax_included,
    currency,
    exchange_rate,
    is_rate_missing,
    shop_gross_amount,
    shop_discount_amount,
    shop_refund_amount,
    cast(shop_gross_amount - shop_discount_amount - shop_refund_amount as decimal(18, 2)) as shop_net_amount,
    shop_shipping_amount,
    shop_tax_amount,
    shop_total_amount,
    shop_currency
from in_both_currencies
