-- What purchase orders still owed at the close of each day follows from their versions: a line owes its units from the day it was
-- ordered, and less from the day on which a later version shows that some were received or cancelled. Units in transit are
-- part of what is owed, and are not counted on order again.
{% set attributes = [
    'sku', 'location_id', 'ordered_date', 'received_date', 'ordered_units', 'received_units', 'purchase_order_status', 'updated_at'
] %}
with

{{ record_versions('purchase_orders', ['purchase_order_id', 'line_number'], attributes) }},

owed as (
    select
        *,
        greatest(ordered_date, coalesce(received_date, {{ business_date('updated_at') }})) as changed_date,
        case
            when purchase_order_status = 'open' then greatest(ordered_units - coalesce(received_units, 0), 0)
            else 0
        end as owed_units
    from versions
),

changes as (
    select
        sku,
        location_id,
        ordered_date as changed_date,
        ordered_units as change_units
    from owed
    where version_number = 1
    union all
    select
        sku,
        location_id,
        changed_date,
        owed_units - coalesce(
            lag(owed_units) over (partition by purchase_order_id, line_number order by version_number), ordered_units
        ) as change_units
    from owed
),

owed_by_day as (
    select
        sku,
        location_id,
        changed_date,
        sum(sum(change_units)) over (partition by sku, location_id order by changed_date) as owed_units
    from changes
    group by sku, location_id, changed_date
),

counted as (
    select
        stock.sku,
        stock.location_id,
        stock.stock_date,
        stock.on_hand_units is not null as is_stock_known,
        coalesce(stock.on_hand_units, 0) as on_hand_units,
        greatest(coalesce(owed_by_day.owed_units, 0) - coalesce(stock.in_transit_units, 0), 0) as on_order_units,
        coalesce(stock.in_transit_units, 0) as in_transit_units,
        coalesce(stock.reserved_units, 0) as reserved_units,
        coalesce(stock.backordered_units, 0) as backordered_units,
        stock.is_stocked_out
    from {{ ref('fct_stock_daily') }} as stock
    asof left join owed_by_day
        on
            stock.sku = owed_by_day.sku
            and stock.location_id = owed_by_day.location_id
            and stock.stock_date >= owed_by_day.changed_date
)

select
    sku,
    location_id,
    stock_date,
    is_stock_known,
    on_hand_units,
    cast(on_order_units as bigint) as on_order_units,
    in_transit_units,
    reserved_units,
    backordered_units,
    cast(
        on_hand_units + on_order_units + in_transit_units - reserved_units - backordered_units as bigint
    ) as inventory_position_units,
    is_stocked_out
from counted
