with

source as (select * from {{ source('raw', 'refunds') }}),

known as (
    select * from source
    where refunded_at < {{ as_of_end() }}
)

select
    refund_id,
    order_id,
    line_number,
    customer_id,
    sku,
    refund_kind,
    units,
    refund_amount,
    currency,
    {{ utc('refunded_at') }} as refunded_at,
    {{ business_date('refunded_at') }} as refunded_date,
    reason
from known
