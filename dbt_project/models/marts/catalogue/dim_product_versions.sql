{% set attributes = [
    'product_id', 'title', 'brand', 'category_id', 'category_path', 'supplier_id', 'unit_cost_amount', 'list_price_amount',
    'currency', 'launched_date', 'retired_date', 'is_perishable'
] %}
with

{{ record_versions('products', ['sku'], attributes) }}

select
    sku,
    version_number,
    valid_from,
    valid_to,
    is_current,
    product_id,
    title,
    brand,
    category_id,
    category_path,
    supplier_id,
    unit_cost_amount,
    list_price_amount,
    currency,
    launched_date,
    retired_date,
    is_perishable
from versions
