-- One order in twenty comes in two parcels; since connected_day a parcel is told when it leaves and when it arrives.
with

parcels as (
    select
        *,
        unnest(range(1, case when n_lines > 1 and draw(order_number, 50) < 0.08 then 3 else 2 end)) as parcel_number
    from month_orders
    where dispatched_at is not null
),

versions as (
    select
        *,
        coalesce(delivered_at, dispatched_at) as updated_at,
        delivered_at as arrived_at
    from parcels
    union all
    select
        *,
        dispatched_at as updated_at,
        null as arrived_at
    from parcels
    where day >= date '{connected_day}' and delivered_at is not null
)

select
    'S' || order_id || '-' || parcel_number as shipment_id,
    order_id,
    location_id,
    pick(order_number, 51, ['dhl', 'dhl', 'hermes', 'dpd', 'ups']) as carrier,
    shipping_method,
    case when arrived_at is not null then 'delivered' else 'in_transit' end as shipment_status,
    shipping_country as destination_country,
    dispatched_at,
    arrived_at as delivered_at,
    day + case shipping_method when 'express' then 4 when 'standard' then 7 when 'economy' then 12 else 3 end as promised_delivery_date,
    round(0.2 + 3 * draw(order_number, 52), 3) as weight_kg,
    updated_at
from versions
