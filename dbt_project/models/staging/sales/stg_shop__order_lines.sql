with

source as (select * from {{ source('raw', 'order_lines') }}),

known as (
    select * from source
    where ordered_at < {{ as_of_end() }}
)

select
    order_id,
    line_number,
    sku,
    line_kind,
    {{ utc('ordered_at') }} as ordered_at,
    {{ business_date('ordered_at') }} as ordered_date,
    units,
    unit_price_amount,
    discount_amount,
    tax_amount,
    currency,
    promotion_id,
    title
from known
