with

source as (select * from {{ source('raw', 'order_status_events') }}),

known as (
    select * from source
    where status_at < {{ as_of_end() }}
)

select
    order_id,
    order_status,
    {{ utc('status_at') }} as status_at
from known
