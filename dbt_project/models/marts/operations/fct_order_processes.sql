-- How far each order is, how long its stages took, and whether it keeps what the customer was promised. What is usual is
-- measured on the stages that orders of the same shipping method finished in the 90 days before as_of. Whether an order is stuck
-- is told by fct_order_states.
with

parcels as (
    select
        order_id,
        min(dispatched_date) as dispatched_date,
        count(*) = count(delivered_at) as is_all_delivered
    from {{ ref('fct_shipments') }}
    group by order_id
),

staged as (
    select
        orders.*,
        parcels.dispatched_date,
        {{ utc(as_of_end()) }} as now_at,
        case
            when orders.is_cancelled then 'cancelled'
            when coalesce(parcels.is_all_delivered, orders.order_status in ('delivered', 'returned')) then 'delivered'
            when orders.dispatched_at is not null or orders.order_status in ('shipped', 'delivered', 'returned') then 'in_transit'
            when orders.paid_at is not null or orders.order_status in ('paid', 'packed') then 'awaiting_dispatch'
            else 'awaiting_payment'
        end as stage
    from {{ ref('fct_orders') }} as orders
    left join parcels on orders.order_id = parcels.order_id
    -- of a shop that tells of no parcel every order would look stuck
    where exists (select 1 from {{ ref('fct_shipments') }})
),

timed as (
    select
        *,
        case stage
            when 'awaiting_payment' then ordered_at
            when 'awaiting_dispatch' then coalesce(paid_at, ordered_at)
            when 'in_transit' then dispatched_at
        end as stage_entered_at,
        date_diff('second', ordered_at, paid_at) as ordered_to_paid_seconds,
        date_diff('second', paid_at, dispatched_at) as paid_to_shipped_seconds,
        date_diff('second', paid_at, promised_dispatch_at) as promised_paid_to_shipped_seconds,
        case when stage = 'delivered' then date_diff('second', dispatched_at, delivered_at) end as shipped_to_delivered_seconds,
        cast(promised_delivery_date - dispatched_date as integer) as promised_shipped_to_delivered_days,
        coalesce(coalesce(dispatched_at, now_at) > promised_dispatch_at, false) and not is_cancelled as is_dispatch_late
    from staged
),

stuck as (
    select order_id
    from {{ ref('fct_order_states') }}
    where is_stuck
),

usual as (
    {{ usual_stage('awaiting_payment', 'paid_at', 'ordered_to_paid_seconds') }}
    union all
    {{ usual_stage('awaiting_dispatch', 'dispatched_at', 'paid_to_shipped_seconds') }}
    union all
    {{ usual_stage('in_transit', 'delivered_at', 'shipped_to_delivered_seconds') }}
),

expected as (
    select
        timed.*,
        date_diff('second', timed.stage_entered_at, timed.now_at) as in_stage_seconds,
        greatest(
            timed.now_at, timed.stage_entered_at + to_seconds(cast(usual.p75_seconds as bigint))
        ) as stage_end_at,
        coalesce(case when timed.stage = 'awaiting_dispatch' then transit.p75_seconds end, 0) as then_seconds,
        stuck.order_id is not null as is_stuck
    from timed
    left join stuck on timed.order_id = stuck.order_id
    left join usual on timed.stage = usual.stage and timed.shipping_method is not distinct from usual.shipping_method
    left join usual as transit
        on transit.stage = 'in_transit' and timed.shipping_method is not distinct from transit.shipping_method
),

dated as (
    select
        *,
        {{ business_date("timezone('UTC', stage_end_at + to_seconds(cast(then_seconds as bigint)))") }} as expected_delivery_date
    from expected
)

select
    order_id,
    ordered_at,
    ordered_date,
    order_status,
    location_id,
    shipping_method,
    shipping_country,
    stage,
    stage_entered_at,
    case when stage_entered_at is not null then greatest(in_stage_seconds, 0) end as in_stage_seconds,
    paid_at,
    dispatched_at,
    delivered_at,
    promised_dispatch_at,
    promised_delivery_date,
    paid_to_shipped_seconds,
    promised_paid_to_shipped_seconds,
    shipped_to_delivered_seconds,
    promised_shipped_to_delivered_days,
    case when stage in ('awaiting_dispatch', 'in_transit') then expected_delivery_date end as expected_delivery_date,
    is_dispatch_late,
    is_late as is_delivery_late,
    case
        when stage = 'cancelled' then 'cancelled'
        when stage <> 'delivered' and is_stuck then 'stuck'
        when is_late or (stage = 'awaiting_dispatch' and is_dispatch_late) then 'late'
        when stage = 'awaiting_dispatch' and stage_end_at > promised_dispatch_at then 'at_risk'
        when stage in ('awaiting_dispatch', 'in_transit') and expected_delivery_date > promised_delivery_date then 'at_risk'
        else 'on_time'
    end as process_state
from dated
