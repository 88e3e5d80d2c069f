-- A lead time belongs to the supplier and the receiving location; one SKU alone has too few receipts for a spread.
with

receipts as (
    select distinct  -- the lines of one purchase order that arrive together are one observation of the lead time
        purchase_order_id,
        supplier_id,
        location_id,
        received_date,
        received_date - ordered_date as lead_time_days
    from {{ ref('stg_shop__purchase_orders') }}
    where
        purchase_order_status = 'received'
        and received_date between ordered_date and {{ shop_setting('as_of') }}
)

select
    supplier_id,
    location_id,
    count(*) as n_receipts,
    avg(lead_time_days) as lead_time_days_mean,
    stddev_samp(lead_time_days) as lead_time_days_sd
from receipts
group by supplier_id, location_id
