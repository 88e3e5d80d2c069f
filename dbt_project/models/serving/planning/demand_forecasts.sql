with

scored as (select * from {{ source('ml', 'demand_forecasts') }})

select
    sku,
    location_id,
    demand_date,
    horizon,
    units_mean,
    units_p05,
    units_p10,
    units_p25,
    units_p50,
    units_p75,
    units_p90,
    units_p95,
    units_p975,
    model_name,
    demand_class,
    is_fallback,
    fallback_reason,
    as_of,
    run_id,
    model_version
from scored
