with

source as (select * from {{ source('raw', 'events') }}),

known as (
    select * from source
    where occurred_at < {{ as_of_end() }}
)

select
    event_id,
    visitor_id,
    customer_id,
    source_session_id,
    event_type,
    {{ utc('occurred_at') }} as occurred_at,
    {{ business_date('occurred_at') }} as occurred_date,
    sku,
    order_id,
    search_query,
    n_search_results,
    units,
    price_amount,
    currency,
    device_type,
    country,
    channel
from known
