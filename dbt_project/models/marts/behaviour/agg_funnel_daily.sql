-- The funnel is nested: a session counts in a step when it took that step or any later one, so no step is larger than the
-- one before it (a reorder from the order history buys without a view).
with

sessions as (select * from {{ ref('fct_sessions') }})

select
    session_date,
    device_type,
    country,
    channel,
    count(*) as n_sessions,
    count(*) filter (where has_view or has_cart or has_purchase) as n_sessions_with_view,
    count(*) filter (where has_cart or has_purchase) as n_sessions_with_cart,
    count(*) filter (where has_purchase) as n_sessions_with_purchase,
    count(distinct visitor_id) as n_visitors,
    cast(coalesce(sum(n_views), 0) as bigint) as n_views,
    cast(coalesce(sum(n_searches), 0) as bigint) as n_searches
from sessions
group by session_date, device_type, country, channel
