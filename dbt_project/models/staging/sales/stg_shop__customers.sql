with

source as (select * from {{ source('raw', 'customers') }}),

known as (
    select * from source
    where updated_at < {{ as_of_end() }}
),

latest as (
    {{ latest_version('known', key=['customer_id'], version='updated_at') }}
)

select
    customer_id,
    {{ utc('registered_at') }} as registered_at,
    {{ business_date('registered_at') }} as registered_date,
    full_name,
    email,
    phone,
    country,
    language,
    segment,
    is_marketing_allowed,
    {{ utc('updated_at') }} as updated_at
from latest
