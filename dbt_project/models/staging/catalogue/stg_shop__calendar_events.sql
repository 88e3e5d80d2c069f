with

source as (select * from {{ source('raw', 'calendar_events') }}),

known as (
    select * from source
    where coalesce(announced_at < {{ as_of_end() }}, true)
)

select
    calendar_event_id,
    event_date,
    country,
    name,
    kind,
    {{ utc('announced_at') }} as announced_at
from known
