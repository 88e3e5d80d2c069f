with

scored as (select * from {{ source('ml', 'recommendation_accuracy') }})

select
    surface,
    model_name,
    metric,
    value,
    n,
    split_at,
    is_served,
    as_of,
    run_id,
    model_version
from scored
