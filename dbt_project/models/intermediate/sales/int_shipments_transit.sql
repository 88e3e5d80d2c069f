{{ config(materialized='view') }}  -- its rows are stored once, as fct_shipments
with

shipments as (select * from {{ ref('stg_shop__shipments') }}),

orders as (select * from {{ ref('int_orders_converted') }}),

completed as (
    select
        shipments.* replace (
            coalesce(shipments.location_id, orders.location_id, {{ shop_setting('default_location') }}, 'main') as location_id,
            coalesce(shipments.shipping_method, orders.shipping_method) as shipping_method,
            coalesce(shipments.destination_country, orders.shipping_country) as destination_country,
            coalesce(shipments.promised_delivery_date, orders.promised_delivery_date) as promised_delivery_date
        )
    from shipments
    left join orders on shipments.order_id = orders.order_id
)

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
    weight_kg,
    cast(delivered_date - dispatched_date as integer) as transit_days,
    coalesce(coalesce(delivered_date, {{ shop_setting('as_of') }}) > promised_delivery_date, false) as is_late
from completed
