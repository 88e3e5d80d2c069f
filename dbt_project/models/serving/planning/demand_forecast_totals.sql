with

scored as (select * from {{ source('ml', 'demand_forecast_totals') }})

select
    sku,
    location_id,
    window_periods,
    is_protection_period,
    window_start_date,
    window_end_date,
    units_mean,
    units_sd,
    units_p05,
    units_p10,
    units_p25,
    units_p50,
    units_p75,
    units_p90,
    units_p95,
    units_p975,
    units_p99,
    as_of,
    run_id,
    model_version
from scored
