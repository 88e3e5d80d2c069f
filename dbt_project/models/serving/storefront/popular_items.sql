with

scored as (select * from {{ source('ml', 'popular_items') }})

select
    segment,
    category_id,
    rank,
    sku,
    score,
    n_units,
    as_of,
    run_id,
    model_version
from scored
