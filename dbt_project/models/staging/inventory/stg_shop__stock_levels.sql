with

source as (select * from {{ source('raw', 'stock_levels') }}),

known as (
    select * from source
    where stock_date <= {{ shop_setting('as_of') }}
),

latest as (
    {{ latest_version('known', key=['sku', 'location_id', 'stock_date']) }}
)

select
    sku,
    location_id,
    stock_date,
    on_hand_units,
    reserved_units,
    in_transit_units,
    backordered_units,
    is_in_stock
from latest
