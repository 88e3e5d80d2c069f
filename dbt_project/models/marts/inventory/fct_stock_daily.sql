{{ config(materialized='dirty_days', feed='stock_levels', day='stock_date') }}
with

stock_levels as (select * from {{ ref('stg_shop__stock_levels') }})

select
    sku,
    location_id,
    stock_date,
    on_hand_units,
    reserved_units,
    in_transit_units,
    backordered_units,
    on_hand_units - least(on_hand_units, coalesce(reserved_units, 0)) as available_units,
    is_in_stock,
    not is_in_stock or coalesce(on_hand_units = 0, false) as is_stocked_out
from stock_levels
