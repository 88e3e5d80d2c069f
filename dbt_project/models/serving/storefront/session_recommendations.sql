with

scored as (select * from {{ source('ml', 'session_recommendations') }})

select
    session_id,
    rank,
    sku,
    score,
    source,
    as_of,
    run_id,
    model_version
from scored
