with

bot_sessions as (select * from {{ ref('stg_core__bot_sessions') }})

select
    session_id,
    visitor_id,
    customer_id,
    bot_reason,
    started_at,
    ended_at,
    started_date as session_date,
    duration_seconds,
    n_events,
    n_views,
    n_purchases,
    n_skus,
    coalesce(channel, 'unknown') as channel
from bot_sessions
