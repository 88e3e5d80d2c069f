-- One row a line of a cancellation (C invoice), units and amount positive. Which order it takes back is not told; netting
-- finds it later. Lines of other invoices are filtered.
select
    concat_ws('-', invoice, row_number() over (partition by invoice order by _file_id, _line), customer_id, sku) as refund_id,
    customer_id,
    sku,
    if(line_kind = 'product', 'cancellation', 'refund') as refund_kind,
    coalesce((-units)::varchar, units_text) as units,
    coalesce(round(-units * price, 2)::varchar, price_text) as refund_amount,
    getvariable('currency') as currency,
    happened_at as refunded_at,
    line_kind as reason,
    _file_id,
    _line,
    if(is_cancellation, null, 'not_a_cancellation') as _filtered
from lines
