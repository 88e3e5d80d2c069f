with

source as (select * from {{ source('raw', 'products') }}),

known as (
    select * from source
    where updated_at < {{ as_of_end() }}
),

latest as (
    {{ latest_version('known', key=['sku'], version='updated_at') }}
)

select
    sku,
    product_id,
    title,
    title_en,
    title_zh,
    brand,
    category_id,
    category_path,
    supplier_id,
    unit_cost_amount,
    list_price_amount,
    currency,
    launched_date,
    retired_date,
    weight_kg,
    is_perishable,
    shelf_life_days,
    {{ utc('updated_at') }} as updated_at
from latest
