-- A cancellation takes its units off the line it cancels, whenever it arrives, so off the original day. A return does not:
-- the customer did want the goods that day.
with

lines as (select * from {{ ref('stg_shop__order_lines') }}),

orders as (select * from {{ ref('int_orders_converted') }}),

taken_back as (
    select
        order_id,
        line_number,
        sum(units) filter (where refund_kind = 'cancellation') as cancelled_units,
        sum(units) filter (where refund_kind = 'return') as returned_units,
        sum(refund_amount) as refund_amount
    from {{ ref('int_refunds_matched') }}
    where line_number is not null
    group by order_id, line_number
),

cancelled as (
    select
        lines.*,
        orders.customer_id,
        orders.channel,
        orders.shipping_country,
        orders.order_status,
        coalesce(orders.location_id, {{ shop_setting('default_location') }}, 'main') as location_id,
        coalesce(orders.is_cancelled, false) as is_order_cancelled,
        coalesce(taken_back.returned_units, 0) as matched_returned_units,
        coalesce(taken_back.refund_amount, 0) as refund_amount,
        case
            when orders.is_cancelled then lines.units
            else least(lines.units, coalesce(taken_back.cancelled_units, 0))
        end as cancelled_units
    from lines
    left join orders on lines.order_id = orders.order_id
    left join taken_back on lines.order_id = taken_back.order_id and lines.line_number = taken_back.line_number
)

select
    order_id,
    line_number,
    customer_id,
    sku,
    title,
    line_kind,
    location_id,
    channel,
    shipping_country,
    ordered_at,
    ordered_date,
    order_status,
    is_order_cancelled,
    promotion_id,
    units,
    cast(cancelled_units as bigint) as cancelled_units,
    cast(least(units - cancelled_units, matched_returned_units) as bigint) as returned_units,
    cast(case when line_kind = 'product' then units - cancelled_units else 0 end as bigint) as demand_units,
    cast(units - cancelled_units - least(units - cancelled_units, matched_returned_units) as bigint) as net_units,
    unit_price_amount,
    cast(units * unit_price_amount as decimal(18, 2)) as gross_amount,
    coalesce(discount_amount, 0) as discount_amount,
    cast(refund_amount as decimal(18, 2)) as refund_amount,
    coalesce(tax_amount, 0) as tax_amount,
    currency
from cancelled
