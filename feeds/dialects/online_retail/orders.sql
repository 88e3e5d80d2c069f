-- One row an invoice that sells something. An invoice is written when goods leave, so its order counts as shipped. Amounts are
-- sums over lines with a price of 0 or more; charges that are no goods are in the total only.
select
    invoice as order_id,
    min(customer_id) as customer_id,
    min(happened_at) as ordered_at,
    max(happened_at) as updated_at,
    'shipped' as order_status,
    getvariable('location') as location_id,
    min(country) as shipping_country,
    getvariable('currency') as currency,
    round(coalesce(sum(units * price) filter (line_kind = 'product'), 0), 2) as gross_amount,
    round(coalesce(sum(units * price) filter (line_kind = 'shipping'), 0), 2) as shipping_amount,
    round(sum(units * price), 2) as total_amount,
    min(_file_id) as _file_id,
    min_by(_line, (_file_id, _line)) as _line
from lines
where not_ordered is null and (price >= 0 or price is null)
group by invoice
