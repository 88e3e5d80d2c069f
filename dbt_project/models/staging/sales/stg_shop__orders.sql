with

source as (select * from {{ source('raw', 'orders') }}),

known as (
    select * from source
    where updated_at < {{ as_of_end() }}
),

latest as (
    {{ latest_version('known', key=['order_id'], version='updated_at') }}
)

select
    order_id,
    customer_id,
    visitor_id,
    {{ utc('ordered_at') }} as ordered_at,
    {{ business_date('ordered_at') }} as ordered_date,
    {{ utc('updated_at') }} as updated_at,
    order_status,
    channel,
    location_id,
    shipping_method,
    shipping_country,
    shipping_postcode,
    recipient_name,
    currency,
    gross_amount,
    discount_amount,
    shipping_amount,
    tax_amount,
    total_amount,
    coupon_code,
    payment_method,
    {{ utc('promised_dispatch_at') }} as promised_dispatch_at,
    promised_delivery_date
from latest
