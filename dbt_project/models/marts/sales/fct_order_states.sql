-- The history of states tells when a state was reached. Where it lacks a state, what proves it stands in: the order itself, its
-- payment, its parcels, or the first version of the order that shows the state. So shops without a history have one too.
with

orders as (select * from {{ ref('fct_orders') }}),

life_cycle as (
    select * from {{ order_states() }}
),

versions as (
    select
        order_id,
        order_status,
        {{ utc('min(updated_at)') }} as entered_at
    from {{ source('raw', 'orders') }}
    where updated_at < {{ as_of_end() }}
    group by order_id, order_status
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
        select proofs.*
        from proofs
        anti join history on proofs.order_id = history.order_id and proofs.order_status = history.order_status
        qualify row_number() over (partition by proofs.order_id, proofs.order_status order by proofs.preference) = 1
    )
),

placed_in_life as (
    select
        known.*,
        life_cycle.life_cycle_position,
        life_cycle.stuck_after_hours
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
        *,
        row_number() over in_time as state_number,
        lead(entered_at) over in_time as left_at,
        lead(order_status) over in_time as next_order_status
    from entered
    window in_time as (partition by order_id order by entered_at, life_cycle_position)
),

-- a state that no order of the shop has left is an end there: of a shop that tells of no delivery nothing is stuck on its way
left_states as (
    select order_status
    from intervals
    where left_at is not null
    group by order_status
)

select
    intervals.order_id,
    intervals.state_number,
    intervals.order_status,
    intervals.entered_at,
    intervals.left_at,
    intervals.next_order_status,
    intervals.left_at is null as is_current,
    epoch(coalesce(intervals.left_at, {{ utc(as_of_end()) }}) - intervals.entered_at) as state_seconds,
    cast(case when left_states.order_status is not null then intervals.stuck_after_hours end as bigint) as stuck_after_hours,
    intervals.left_at is null
    and left_states.order_status is not null
    and coalesce(intervals.entered_at + to_hours(intervals.stuck_after_hours) < {{ utc(as_of_end()) }}, false) as is_stuck,
    intervals.evidence,
    orders.location_id
from intervals
left join left_states on intervals.order_status = left_states.order_status
left join orders on intervals.order_id = orders.order_id
