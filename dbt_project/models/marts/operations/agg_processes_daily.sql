with

processes as (select * from {{ ref('fct_order_processes') }})

select
    ordered_date,
    coalesce(shipping_method, 'unknown') as shipping_method,
    count(*) as n_orders,
    count(*) filter (where stage = 'awaiting_payment') as n_awaiting_payment,
    count(*) filter (where stage = 'awaiting_dispatch') as n_awaiting_dispatch,
    count(*) filter (where stage = 'in_transit') as n_in_transit,
    count(*) filter (where stage = 'delivered') as n_delivered,
    count(*) filter (where process_state = 'cancelled') as n_cancelled,
    count(*) filter (where process_state = 'on_time') as n_on_time,
    count(*) filter (where process_state = 'at_risk') as n_at_risk,
    count(*) filter (where process_state = 'late') as n_late,
    count(*) filter (where process_state = 'stuck') as n_stuck,
    count(*) filter (where is_dispatch_late) as n_dispatched_late,
    count(*) filter (where is_delivery_late) as n_delivered_late,
    count(*) filter (where process_state = 'on_time')
    / nullif(count(*) filter (where process_state <> 'cancelled'), 0) as on_time_ratio,
    quantile_cont(paid_to_shipped_seconds, 0.5) as paid_to_shipped_seconds_p50,
    quantile_cont(paid_to_shipped_seconds, 0.9) as paid_to_shipped_seconds_p90,
    quantile_cont(shipped_to_delivered_seconds, 0.5) as shipped_to_delivered_seconds_p50,
    quantile_cont(shipped_to_delivered_seconds, 0.9) as shipped_to_delivered_seconds_p90
from processes
group by ordered_date, coalesce(shipping_method, 'unknown')
