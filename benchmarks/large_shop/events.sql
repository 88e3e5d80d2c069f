select
    event_id,
    visitor_id,
    customer_id,
    session_id as source_session_id,
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
