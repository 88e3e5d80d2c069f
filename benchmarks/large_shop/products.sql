select
    sku,
    'P' || sku_number // 3 as product_id,
    'Article ' || sku_number as title,
    'Article ' || sku_number as title_en,
    'Brand ' || category_number % 17 as brand,
    'C' || lpad(cast(category_number as varchar), 2, '0') as category_id,
    'Department ' || category_number % 6 || ' > Category ' || category_number as category_path,
    supplier_id,
    unit_cost_amount,
    price_in_period(sku_number, 0, 'EUR') as list_price_amount,
    'EUR' as currency,
    date '{first_day}' + cast(launched_day as integer) as launched_date,
    round(0.1 + 2 * draw(sku_number, 100), 3) as weight_kg,
    category_number % 12 = 0 as is_perishable,
    cast(date '{first_day}' + cast(launched_day as integer) as timestamptz) as updated_at
from skus
