-- Stock levels count units in transit, and the purchase orders they belong to are still open: on order means ordered and
-- not yet shipped, so that no unit is counted twice.
with

latest_levels as (
    select * from {{ ref('stg_shop__stock_levels') }}
    qualify row_number() over (partition by sku, location_id order by stock_date desc) = 1
),

open_orders as (
    select
        sku,
        location_id,
        sum(open_units) as open_units
    from {{ ref('int_purchase_orders_open') }}
    group by sku, location_id
),

joined as (
    select
        latest_levels.stock_date,
        latest_levels.is_in_stock,
        coalesce(latest_levels.sku, open_orders.sku) as sku,
        coalesce(latest_levels.location_id, open_orders.location_id) as location_id,
        latest_levels.on_hand_units is not null as is_stock_known,
        coalesce(latest_levels.on_hand_units, 0) as on_hand_units,
        coalesce(latest_levels.in_transit_units, 0) as in_transit_units,
        coalesce(latest_levels.reserved_units, 0) as reserved_units,
        coalesce(latest_levels.backordered_units, 0) as backordered_units,
        greatest(coalesce(open_orders.open_units, 0) - coalesce(latest_levels.in_transit_units, 0), 0) as on_order_units
    from latest_levels
    full outer join open_orders
        on latest_levels.sku = open_orders.sku and latest_levels.location_id = open_orders.location_id
)

select
    sku,
    location_id,
    stock_date,
    is_stock_known,
    coalesce(is_in_stock, true) as is_in_stock,
    cast(on_hand_units as bigint) as on_hand_units,
    cast(on_order_units as bigint) as on_order_units,
    cast(in_transit_units as bigint) as in_transit_units,
    cast(reserved_units as bigint) as reserved_units,
    cast(backordered_units as bigint) as backordered_units,
    cast(
        on_hand_units + on_order_units + in_transit_units - reserved_units - backordered_units as bigint
    ) as inventory_position_units
from joined
