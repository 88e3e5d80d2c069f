with

sessions as (select * from {{ ref('stg_core__sessions') }})

select
    session_id,
    visitor_id,
    customer_id,
    started_at,
    ended_at,
    started_date as session_date,
    duration_seconds,
    n_events,
    n_views,
    n_searches,
    n_add_to_carts,
    n_remove_from_carts,
    n_favourites,
    n_shares,
    n_purchases,
    n_skus,
    n_views > 0 as has_view,
    n_add_to_carts > 0 as has_cart,
    n_purchases > 0 as has_purchase,
    order_id,
    coalesce(device_type, 'unknown') as device_type,
    coalesce(country, 'unknown') as country,
    coalesce(channel, 'unknown') as channel
from sessions
