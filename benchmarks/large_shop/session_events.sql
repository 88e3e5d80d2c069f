select
    event_id,
    session_id,
    row_number() over (partition by session_id order by occurred_at, event_id) as position,
    visitor_id,
    customer_id,
    event_type,
    occurred_at,
    sku,
    case when event_type = 'purchase' then order_id end as order_id,
    case when event_type = 'search' then 'article ' || sku_number % 500 end as search_query,
    case when event_type = 'search' then sku_number % 40 end as n_search_results,
    case when event_type in ('add_to_cart', 'purchase') then units end as units,
    device_type,
    country,
    channel
from month_actions
