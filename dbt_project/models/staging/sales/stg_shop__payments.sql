with

source as (select * from {{ source('raw', 'payments') }}),

known as (
    select * from source
    where paid_at < {{ as_of_end() }}
)

select
    payment_id,
    order_id,
    payment_method,
    payment_status,
    amount,
    fee_amount,
    currency,
    failure_code,
    {{ utc('paid_at') }} as paid_at,
    {{ business_date('paid_at') }} as paid_date
from known
