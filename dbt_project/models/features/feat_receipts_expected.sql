-- An overdue receipt, or one without a date, is expected on the first day after as_of: it is still to come.
with

open_orders as (
    select
        *,
        greatest(
            coalesce(expected_receipt_date, {{ shop_setting('as_of') }} + 1),
            {{ shop_setting('as_of') }} + 1
        ) as receipt_date
    from {{ ref('int_purchase_orders_open') }}
)

select
    sku,
    location_id,
    receipt_date as expected_receipt_date,
    cast(sum(open_units) as double) as units
from open_orders
group by sku, location_id, receipt_date
