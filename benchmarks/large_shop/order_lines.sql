select
    order_id,
    line_number,
    sku,
    'product' as line_kind,
    ordered_at,
    units,
    unit_price_amount,
    discount_amount,
    round((gross_amount - discount_amount) * 19 / 119, 2) as tax_amount,
    currency,
    case when has_promotion then 'PR-' || lpad(cast(day_number // 14 as varchar), 3, '0') end as promotion_id,
    'Article ' || sku_number as title
from month_lines
