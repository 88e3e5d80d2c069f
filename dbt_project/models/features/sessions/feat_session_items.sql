with

session_events as (select * from {{ ref('stg_core__session_events') }})

select
    session_id,
    visitor_id,
    customer_id,
    position,
    sku,
    event_type,
    occurred_at
from session_events
where sku is not null
