select
    supplier_id,
    sku,
    location_id,
    cast(lead_days as double) as lead_time_days,
    7 as review_period_days,
    10 as moq_units,
    5 as pack_size_units,
    unit_cost_amount,
    'EUR' as currency,
    unit_cost_amount * 0.0006 as holding_cost_amount,
    unit_cost_amount as shortage_cost_amount,
    0.95 as service_level_ratio,
    timestamptz '{first_day}' as updated_at
from sku_locations
