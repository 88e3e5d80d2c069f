with

source as (select * from {{ source('raw', 'prices') }}),

known as (
    select * from source
    where valid_from < {{ as_of_end() }}
)

select
    sku,
    currency,
    {{ utc('valid_from') }} as valid_from,
    {{ business_date('valid_from') }} as valid_from_date,
    price_amount,
    list_price_amount
from known
