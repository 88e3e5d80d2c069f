-- A session belongs to the person who signed in during it, else to the person whose device it is, else to the visitor; on a shared
-- device without a sign-in it stands for itself.
with

sessions as (select * from {{ ref('stg_core__sessions') }})

select
    sessions.session_id,
    sessions.visitor_id,
    sessions.customer_id,
    coalesce(linked.person_id, sessions.customer_id, visitors.person_id) as person_id,
    coalesce(
        linked.person_id,
        sessions.customer_id,
        visitors.person_id,
        case when visitors.is_shared then 'session ' || sessions.session_id end,
        'visitor ' || sessions.visitor_id
    ) as shopper_id,
    sessions.started_at,
    sessions.ended_at,
    sessions.started_date as session_date,
    sessions.duration_seconds,
    sessions.n_events,
    sessions.n_views,
    sessions.n_searches,
    sessions.n_add_to_carts,
    sessions.n_remove_from_carts,
    sessions.n_favourites,
    sessions.n_shares,
    sessions.n_purchases,
    sessions.n_skus,
    sessions.n_views > 0 as has_view,
    sessions.n_add_to_carts > 0 as has_cart,
    sessions.n_purchases > 0 as has_purchase,
    sessions.order_id,
    coalesce(sessions.device_type, 'unknown') as device_type,
    coalesce(sessions.country, 'unknown') as country,
    coalesce(sessions.channel, 'unknown') as channel
from sessions
left join {{ ref('dim_visitors') }} as visitors on sessions.visitor_id = visitors.visitor_id
left join {{ ref('int_customers_linked') }} as linked on sessions.customer_id = linked.customer_id
