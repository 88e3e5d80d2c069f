-- One row an invoice line; cancellations and stock corrections are no orders and are filtered. Goods given free to a known
-- customer stay, at price 0.
select
    invoice as order_id,
    row_number() over (partition by invoice order by _file_id, _line) as line_number,
    sku,
    line_kind,
    happened_at as ordered_at,
    units_text as units,
    price_text as unit_price_amount,
    getvariable('currency') as currency,
    title,
    _file_id,
    _line,
    not_ordered as _filtered
from lines
