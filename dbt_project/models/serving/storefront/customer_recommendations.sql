with

scored as (select * from {{ source('ml', 'customer_recommendations') }})

select
    customer_id,
    rank,
    sku,
    score,
    source,
    reason_code,
    reason_sku,
    reason_text,
    is_repeat,
    as_of,
    run_id,
    model_version
from scored
