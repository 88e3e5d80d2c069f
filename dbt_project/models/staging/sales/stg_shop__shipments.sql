with

source as (select * from {{ source('raw', 'shipments') }}),

known as (
    select * from source
    where updated_at < {{ as_of_end() }}
),

latest as (
    {{ latest_version('known', key=['shipment_id'], version='updated_at') }}
)

select
    shipment_id,
    order_id,
    location_id,
    carrier,
    shipping_method,
    shipment_status,
    destination_country,
    {{ utc('dispatched_at') }} as dispatched_at,
    {{ business_date('dispatched_at') }} as dispatched_date,
    {{ utc('delivered_at') }} as delivered_at,
    {{ business_date('delivered_at') }} as delivered_date,
    promised_delivery_date,
    weight_kg,
    {{ utc('updated_at') }} as updated_at
from latest
