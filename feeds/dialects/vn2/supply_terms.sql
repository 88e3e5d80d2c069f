-- The rules of the challenge, the same for every store and product.
select
    'VN2' as supplier_id,
    'P' || Product as sku,
    'S' || Store as location_id,
    getvariable('lead_time_days') as lead_time_days,
    getvariable('review_period_days') as review_period_days,
    1 as moq_units,
    1 as pack_size_units,
    getvariable('currency') as currency,
    getvariable('holding_cost') as holding_cost_amount,
    getvariable('shortage_cost') as shortage_cost_amount,
    getvariable('opening_week') as updated_at,
    _file_id,
    _line
from source
