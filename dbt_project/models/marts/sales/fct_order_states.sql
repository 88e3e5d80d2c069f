-- The history of states tells when a state was reached. Where it lacks a state, what proves it stands in: the order itself, its
-- payment, its parcels, or the first version of the order that shows the state. So shops without a history have one too.
with

orders as (select * from {{ ref('fct_orders') }}),

life_cycle as (
    select * from {{ order_states() }}
),

{{ order_states_told() }},

versions as (
    select
        orders.order_id,
        orders.order_status,
        {{ utc('min(orders.updated_at)') }} as entered_at
    from {{ source('raw', 'orders') }} as orders
    left join told on orders.order_id = told.order_id
    where orders.updated_at < {{ as_of_end() }} and not {{ is_told('orders.order_status') }}
    group by orders.order_id, orders.order_status
),

history as (
    select
        order_id,
        order_status,
        status_at as entered_at,
        'history' as evidence,
        1 as preference
    from {{ ref('stg_shop__order_status_events') }}
),

{{ order_state_proofs() }},

known as (
    select * from history
    union all
    (
        select * from proofs
        qualify row_number() over (partition by order_id, order_status order by preference) = 1
    )
),

placed_in_life as (
    select
        known.*,
        life_cycle.life_cycle_position,
        life_cycle.thin_history_hours
    from known
    inner join life_cycle on known.order_status = life_cycle.order_status
),

entered as (
    select * from placed_in_life
    qualify order_status is distinct from lag(order_status) over (
        partition by order_id order by entered_at, life_cycle_position
    )
),

intervals as (
    select
        numbered.*,
        epoch(coalesce(numbered.left_at, {{ utc(as_of_end()) }}) - numbered.entered_at) as state_seconds,
        orders.shipping_method,
        orders.location_id
    from (
        select
            *,
            row_number() over in_time as state_number,
            lead(entered_at) over in_time as left_at,
            lead(order_status) over in_time as next_order_status
        from entered
        window in_time as (partition by order_id order by entered_at, life_cycle_position)
    ) as numbered
    left join orders on numbered.order_id = orders.order_id
),

{{ usual_states() }},

-- a state that no order of the shop has left is an end there: of a shop that tells of no delivery nothing is stuck on its way
left_states as (
    select order_status
    from intervals
    where left_at is not null
    group by order_status
),

limited as (
    select
        intervals.*,
        case
            when left_states.order_status is not null and intervals.thin_history_hours is not null
                then coalesce(usual_states.stuck_after_hours, intervals.thin_history_hours)
        end as stuck_after_hours
    from intervals
    left join left_states on intervals.order_status = left_states.order_status
    left join usual_states
        on
            intervals.order_status = usual_states.order_status
            and intervals.shipping_method is not distinct from usual_states.shipping_method
)

select
    order_id,
    state_number,
    order_status,
    entered_at,
    {{ business_date("timezone('UTC', entered_at)") }} as entered_date,
    left_at,
    next_order_status,
    left_at is null as is_current,
    state_seconds,
    stuck_after_hours,
    left_at is null and coalesce(state_seconds > 3600 * stuck_after_hours, false) as is_stuck,
    evidence,
    location_id
from limited
