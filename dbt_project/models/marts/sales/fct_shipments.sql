with

shipments as (select * from {{ ref('int_shipments_transit') }})

select
    shipment_id,
    order_id,
    location_id,
    carrier,
    shipping_method,
    shipment_status,
    destination_country,
    dispatched_at,
    dispatched_date,
    delivered_at,
    delivered_date,
    promised_delivery_date,
    transit_days,
    is_late,
    weight_kg
from shipments
