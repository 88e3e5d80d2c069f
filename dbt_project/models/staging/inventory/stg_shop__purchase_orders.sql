with

source as (select * from {{ source('raw', 'purchase_orders') }}),

known as (
    select * from source
    where updated_at < {{ as_of_end() }}
),

latest as (
    {{ latest_version('known', key=['purchase_order_id', 'line_number'], version='updated_at') }}
)

select
    purchase_order_id,
    line_number,
    sku,
    location_id,
    supplier_id,
    ordered_date,
    expected_receipt_date,
    received_date,
    ordered_units,
    received_units,
    unit_cost_amount,
    currency,
    purchase_order_status,
    {{ utc('updated_at') }} as updated_at
from latest
