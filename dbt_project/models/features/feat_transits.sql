with

shipments as (select * from {{ ref('fct_shipments') }})

select
    shipment_id,
    location_id,
    shipping_method,
    destination_country,
    carrier,
    dispatched_date,
    transit_days
from shipments
where shipment_status = 'delivered' and transit_days >= 0
