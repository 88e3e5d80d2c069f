-- The visits of the shopper in the 30 days before an order, the one in which it was placed included. The visit that names the order is
-- the last touch, whatever else the shopper opened meanwhile.
{%- set window_days = 30 %}
with

sessions as (select * from {{ ref('fct_sessions') }}),

orders as (
    select
        orders.order_id,
        orders.ordered_at,
        orders.ordered_date,
        coalesce(
            linked.person_id,
            orders.customer_id,
            visitors.person_id,
            case when not coalesce(visitors.is_shared, false) then 'visitor ' || orders.visitor_id end,
            'order ' || orders.order_id
        ) as shopper_id
    from {{ ref('fct_orders') }} as orders
    left join {{ ref('int_customers_linked') }} as linked on orders.customer_id = linked.customer_id
    left join {{ ref('dim_visitors') }} as visitors on orders.visitor_id = visitors.visitor_id
),

touches as (
    select
        orders.order_id,
        sessions.session_id,
        sessions.channel,
        sessions.channel not in ('direct', 'unknown') as is_named,
        sessions.started_at,
        coalesce(sessions.order_id = orders.order_id, false) as is_visit_of_order
    from orders
    inner join sessions
        on
            orders.shopper_id = sessions.shopper_id
            and orders.ordered_at >= sessions.started_at
            and orders.ordered_at - interval {{ window_days }} day < sessions.started_at
    union all
    -- placed without a sign-in on a shared device
    select
        orders.order_id,
        sessions.session_id,
        sessions.channel,
        sessions.channel not in ('direct', 'unknown') as is_named,
        sessions.started_at,
        true as is_visit_of_order
    from orders
    inner join sessions on orders.order_id = sessions.order_id and orders.shopper_id <> sessions.shopper_id
),

journeys as (
    select
        order_id,
        count(*) as n_sessions,
        bool_or(is_visit_of_order) as has_visit_of_order,
        min(started_at) as first_touch_at,
        arg_min(session_id, (started_at, session_id)) as first_session_id,
        arg_min(channel, (started_at, session_id)) as first_channel,
        arg_max(session_id, (is_visit_of_order, started_at, session_id)) as last_session_id,
        arg_max(channel, (is_visit_of_order, started_at, session_id)) as last_channel,
        arg_max(channel, (is_visit_of_order, started_at, session_id)) filter (where is_named) as last_named_channel
    from touches
    group by order_id
)

select
    orders.order_id,
    orders.shopper_id,
    orders.ordered_at,
    orders.ordered_date,
    case
        when journeys.has_visit_of_order then 'visit_of_order'
        when journeys.order_id is not null then 'same_shopper'
        else 'none'
    end as attribution_rule,
    coalesce(journeys.n_sessions, 0) as n_sessions,
    journeys.first_session_id,
    coalesce(journeys.first_channel, 'unknown') as first_channel,
    journeys.last_session_id,
    coalesce(journeys.last_channel, 'unknown') as last_channel,
    coalesce(journeys.last_named_channel, journeys.last_channel, 'unknown') as last_named_channel,
    date_diff('second', journeys.first_touch_at, orders.ordered_at) as seconds_from_first_touch
from orders
left join journeys on orders.order_id = journeys.order_id
