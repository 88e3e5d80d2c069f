-- One row a store, product and week with sales; units are the week's, the price is not told.
select
    concat('S', Store, '-P', Product, '-', period) as order_id,
    1 as line_number,
    'P' || Product as sku,
    'product' as line_kind,
    period as ordered_at,
    value as units,
    0 as unit_price_amount,
    getvariable('currency') as currency,
    _file_id,
    _line,
    if(try_cast(value as double) = 0, 'week_without_sales', null) as _filtered
from source
