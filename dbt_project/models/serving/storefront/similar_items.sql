with

scored as (select * from {{ source('ml', 'similar_items') }})

select
    sku,
    kind,
    rank,
    similar_sku,
    score,
    n_together,
    reason_code,
    as_of,
    run_id,
    model_version
from scored
