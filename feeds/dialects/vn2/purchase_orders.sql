-- Units in transit: those of W+1 can be sold from the Monday after the opening week, those of W+2 a week later. They were ordered
-- one lead time before.
with

transits as (
    select Store, Product, 1 as weeks, "In Transit W+1" as units, _file_id, _line from source
    union all
    select Store, Product, 2, "In Transit W+2", _file_id, _line from source
)

select
    concat('S', Store, '-P', Product, '-W', weeks) as purchase_order_id,
    1 as line_number,
    'P' || Product as sku,
    'S' || Store as location_id,
    'VN2' as supplier_id,
    getvariable('opening_week')::date + 7 * weeks - getvariable('lead_time_days')::integer as ordered_date,
    getvariable('opening_week')::date + 7 * weeks as expected_receipt_date,
    units as ordered_units,
    getvariable('currency') as currency,
    'open' as purchase_order_status,
    getvariable('opening_week') as updated_at,
    _file_id,
    _line
from transits
where try_cast(units as double) is distinct from 0
