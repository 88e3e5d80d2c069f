select
    session_id,
    any_value(visitor_id) as visitor_id,
    any_value(customer_id) as customer_id,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    date_diff('second', min(occurred_at), max(occurred_at)) as duration_seconds,
    count(*) as n_events,
    count(*) filter (where event_type = 'view') as n_views,
    count(*) filter (where event_type = 'search') as n_searches,
    count(*) filter (where event_type = 'add_to_cart') as n_add_to_carts,
    0 as n_remove_from_carts,
    count(*) filter (where event_type = 'favourite') as n_favourites,
    0 as n_shares,
    count(*) filter (where event_type = 'purchase') as n_purchases,
    count(distinct sku) as n_skus,
    any_value(order_id) as order_id,
    any_value(device_type) as device_type,
    any_value(country) as country,
    any_value(channel) as channel
from month_actions
group by session_id
