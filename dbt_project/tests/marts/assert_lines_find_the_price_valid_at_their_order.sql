-- a failing row is a product line without a valid price although the price list knows its SKU: it was sold before its first price
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_order_lines'}}}) }}

select
    order_id,
    line_number,
    sku,
    ordered_at
from {{ ref('fct_order_lines') }}
where
    line_kind = 'product'
    and price_valid_from is null
    and sku in (select prices.sku from {{ ref('dim_price_versions') }} as prices)
