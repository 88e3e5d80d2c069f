-- Each filling-up of the stock was ordered a lead time before, and told once then and once when it came.
with

fillings as (
    select
        stocked.*,
        days.day as received_date,
        days.day - cast(lead_days as integer) - cast(hash(stocked.sku_number, days.day_number, {seed}) % 3 as integer) as ordered_date
    from sku_locations as stocked
    inner join (
        -- what was ordered by the last day may come after it
        select day_number, date '{first_day}' + cast(day_number as integer) as day from range({days} + 15) as numbers (day_number)
    ) as days
        on (days.day_number + stocked.phase_days) % stocked.cycle_days = 0 and days.day_number >= stocked.launched_day
),

lines as (
    select
        *,
        'PO-' || strftime(ordered_date, '%Y%m%d') || '-' || supplier_id || '-' || location_id as purchase_order_id,
        row_number() over (partition by ordered_date, supplier_id, location_id order by sku) as line_number
    from fillings
    where ordered_date <= date '{last_day}'
)

select
    purchase_order_id,
    line_number,
    sku,
    location_id,
    supplier_id,
    ordered_date,
    ordered_date + cast(lead_days as integer) as expected_receipt_date,
    case when is_receipt then received_date end as received_date,
    full_units as ordered_units,
    case when is_receipt then full_units else 0 end as received_units,
    unit_cost_amount,
    'EUR' as currency,
    case when is_receipt then 'received' else 'open' end as purchase_order_status,
    cast(case when is_receipt then received_date else ordered_date end as timestamptz) + interval 9 hour as updated_at
from lines
cross join (values (false), (true)) as moments (is_receipt)
where not is_receipt or received_date <= date '{last_day}'
