with

scored as (select * from {{ source('ml', 'forecast_accuracy') }})

select
    origin_date,
    model_name,
    segment,
    horizon,
    n_series,
    n_points,
    wape,
    wape_total,
    bias,
    rmsse,
    mase,
    pinball,
    coverage_90_ratio,
    is_champion,
    is_floor,
    as_of,
    run_id,
    model_version
from scored
