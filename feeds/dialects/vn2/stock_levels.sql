-- In-stock flags of past weeks, and the stock itself at the end of the opening week. Flags of the opening week are left to the
-- state file, which says more; flags of later weeks would be knowledge of the future.
select
    'P' || Product as sku,
    'S' || Store as location_id,
    period as stock_date,
    null as on_hand_units,
    null as in_transit_units,
    value as is_in_stock,
    _file_id,
    _line,
    case
        when period = getvariable('opening_week') then 'told_by_initial_state'
        when period > getvariable('opening_week') then 'after_the_opening_week'
    end as _filtered
from in_stock
union all
select
    'P' || Product,
    'S' || Store,
    getvariable('opening_week'),
    "End Inventory",
    (try_cast("In Transit W+1" as bigint) + try_cast("In Transit W+2" as bigint))::varchar,
    (try_cast("End Inventory" as bigint) > 0)::varchar,
    _file_id,
    _line,
    null
from initial_state
