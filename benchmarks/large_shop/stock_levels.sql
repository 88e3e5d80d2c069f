-- Stock falls from full to (sometimes before its time) nothing, and is filled up again at the end of each cycle.
with

levels as (
    select
        stocked.sku,
        stocked.location_id,
        days.day as stock_date,
        (days.day_number + stocked.phase_days) % stocked.cycle_days / stocked.cycle_days as passed,
        cast(floor(greatest(0, stocked.full_units * (1 - passed * (0.75 + 0.35 * draw(
            stocked.sku_number * 1024 + (days.day_number + stocked.phase_days) // stocked.cycle_days, stocked.location_id
        ))))) as bigint) as on_hand_units,
        case when passed > 0.8 then stocked.full_units else 0 end as in_transit_units
    from days
    inner join sku_locations as stocked on days.day_number >= stocked.launched_day
    where strftime(days.day, '%Y-%m') = '{month}'
)

select
    sku,
    location_id,
    stock_date,
    on_hand_units,
    on_hand_units // 20 as reserved_units,
    in_transit_units,
    0 as backordered_units,
    on_hand_units > 0 as is_in_stock
from levels
