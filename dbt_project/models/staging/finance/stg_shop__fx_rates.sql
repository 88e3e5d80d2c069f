with

source as (select * from {{ source('raw', 'fx_rates') }}),

known as (
    select * from source
    where rate_date <= {{ shop_setting('as_of') }}
),

latest as (
    {{ latest_version('known', key=['rate_date', 'base_currency', 'quote_currency']) }}
)

select
    rate_date,
    base_currency,
    quote_currency,
    rate
from latest
