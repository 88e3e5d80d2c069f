with

source as (select * from {{ source('raw', 'suppliers') }}),

known as (
    select * from source
    where updated_at < {{ as_of_end() }}
),

latest as (
    {{ latest_version('known', key=['supplier_id'], version='updated_at') }}
)

select
    supplier_id,
    name,
    country,
    currency,
    contact_email,
    {{ utc('updated_at') }} as updated_at
from latest
