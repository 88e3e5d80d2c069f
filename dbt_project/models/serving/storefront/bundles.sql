with

scored as (select * from {{ source('ml', 'bundles') }})

select
    sku,
    rank,
    bundled_sku,
    n_orders,
    confidence_ratio,
    confidence_lower_ratio,
    lift,
    leverage,
    p_value,
    q_value,
    as_of,
    run_id,
    model_version
from scored
