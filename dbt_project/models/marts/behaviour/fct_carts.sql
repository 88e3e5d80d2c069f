-- A SKU is left in the cart when more units were put in than taken out and it was not bought in the visit. A cart that is left with
-- something counts as recovered when the shopper buys one of these SKUs in a visit of the next seven days.
{%- set recovery_days = 7 %}
with

actions as (
    select *
    from {{ ref('stg_core__session_events') }}
    where event_type in ('add_to_cart', 'remove_from_cart', 'purchase') and sku is not null
),

sessions as (select * from {{ ref('fct_sessions') }}),

cart_skus as (
    select
        session_id,
        sku,
        coalesce(sum(coalesce(units, 1)) filter (where event_type = 'add_to_cart'), 0) as added_units,
        coalesce(sum(coalesce(units, 1)) filter (where event_type = 'remove_from_cart'), 0) as removed_units,
        bool_or(event_type = 'purchase') as is_bought,
        min(occurred_at) filter (where event_type <> 'purchase') as first_changed_at,
        max(occurred_at) filter (where event_type <> 'purchase') as last_changed_at
    from actions
    group by session_id, sku
),

judged as (
    select
        *,
        added_units > removed_units and not is_bought as is_left
    from cart_skus
),

purchases as (
    select
        sessions.shopper_id,
        actions.session_id,
        actions.sku,
        actions.occurred_at
    from actions
    inner join sessions on actions.session_id = sessions.session_id
    where actions.event_type = 'purchase'
),

recovered as (
    select
        judged.session_id,
        min(purchases.occurred_at) as recovered_at
    from judged
    inner join sessions on judged.session_id = sessions.session_id
    inner join purchases
        on
            sessions.shopper_id = purchases.shopper_id
            and judged.sku = purchases.sku
            and judged.session_id <> purchases.session_id
            and judged.last_changed_at < purchases.occurred_at
            and judged.last_changed_at >= purchases.occurred_at - interval {{ recovery_days }} day
    where judged.is_left
    group by judged.session_id
),

placed as (
    select distinct
        session_id,
        order_id
    from actions
    where event_type = 'purchase'
),

checkouts as (
    select
        placed.session_id,
        count(*) as n_orders,
        count(orders.paid_at) as n_paid_orders
    from placed
    left join {{ ref('fct_orders') }} as orders on placed.order_id = orders.order_id
    group by placed.session_id
),

carts as (
    select
        session_id,
        count(*) filter (where added_units > 0) as n_skus_added,
        count(*) filter (where removed_units > 0) as n_skus_removed,
        count(*) filter (where is_bought) as n_skus_bought,
        count(*) filter (where is_left) as n_skus_left,
        cast(sum(added_units) as bigint) as added_units,
        cast(sum(removed_units) as bigint) as removed_units,
        min(first_changed_at) as first_changed_at,
        max(last_changed_at) as last_changed_at
    from judged
    group by session_id
    having max(last_changed_at) is not null
)

select
    carts.session_id,
    sessions.visitor_id,
    sessions.shopper_id,
    sessions.session_date,
    case
        when carts.n_skus_bought > 0 then 'bought'
        when carts.n_skus_left > 0 then 'abandoned'
        else 'emptied'
    end as cart_status,
    carts.n_skus_added,
    carts.n_skus_removed,
    carts.n_skus_bought,
    carts.n_skus_left,
    carts.added_units,
    carts.removed_units,
    coalesce(checkouts.n_orders, 0) as n_orders,
    coalesce(checkouts.n_paid_orders, 0) as n_paid_orders,
    recovered.recovered_at is not null as is_recovered,
    carts.first_changed_at,
    carts.last_changed_at,
    recovered.recovered_at
from carts
inner join sessions on carts.session_id = sessions.session_id
left join checkouts on carts.session_id = checkouts.session_id
left join recovered on carts.session_id = recovered.session_id
