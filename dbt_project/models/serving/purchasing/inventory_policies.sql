with

scored as (select * from {{ source('ml', 'inventory_policies') }})

select
    sku,
    location_id,
    abc_class,
    xyz_class,
    policy,
    protection_periods,
    service_level_ratio,
    service_level_source,
    demand_mean_units,
    demand_sd_units,
    safety_stock_units,
    reorder_point_units,
    order_up_to_units,
    days_of_cover,
    as_of,
    run_id,
    model_version
from scored
