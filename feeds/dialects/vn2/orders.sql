-- The source tells weekly sales, not orders: a week with sales of a product in a store is one order of that Monday. Prices
-- are not told, so amounts are 0.
select
    concat('S', Store, '-P', Product, '-', period) as order_id,
    period as ordered_at,
    period as updated_at,
    'delivered' as order_status,
    'S' || Store as location_id,
    getvariable('currency') as currency,
    0 as gross_amount,
    0 as total_amount,
    _file_id,
    _line,
    if(try_cast(value as double) = 0, 'week_without_sales', null) as _filtered
from source
