with

source as (select * from {{ source('raw', 'supply_terms') }}),

known as (
    select * from source
    where updated_at < {{ as_of_end() }}
),

latest as (
    {{ latest_version('known', key=['supplier_id', 'sku', 'location_id'], version='updated_at') }}
)

select
    supplier_id,
    sku,
    location_id,
    lead_time_days,
    review_period_days,
    moq_units,
    pack_size_units,
    unit_cost_amount,
    currency,
    holding_cost_amount,
    shortage_cost_amount,
    service_level_ratio,
    {{ utc('updated_at') }} as updated_at
from latest
