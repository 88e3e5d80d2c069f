with

scored as (select * from {{ source('ml', 'order_priorities') }})

select
    order_id,
    location_id,
    priority_class,
    score,
    rank_in_location,
    on_time_now_ratio,
    on_time_next_ratio,
    gain_ratio,
    promised_delivery_date,
    waiting_days,
    value_amount,
    currency,
    reason_1_code,
    reason_1_text,
    reason_2_code,
    reason_2_text,
    reason_3_code,
    reason_3_text,
    as_of,
    run_id,
    model_version
from scored
