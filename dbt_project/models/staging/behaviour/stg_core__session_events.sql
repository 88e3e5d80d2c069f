with

source as (select * from {{ source('core', 'session_events') }}),

known as (
    select * from source
    where occurred_at < {{ as_of_end() }}
)

select
    event_id,
    session_id,
    position,
    visitor_id,
    customer_id,
    event_type,
    {{ utc('occurred_at') }} as occurred_at,
    {{ business_date('occurred_at') }} as occurred_date,
    sku,
    order_id,
    search_query,
    n_search_results,
    units,
    device_type,
    country,
    channel
from known
