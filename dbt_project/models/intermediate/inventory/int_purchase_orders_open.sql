with

purchase_orders as (select * from {{ ref('stg_shop__purchase_orders') }})

select
    purchase_order_id,
    line_number,
    sku,
    location_id,
    supplier_id,
    ordered_date,
    expected_receipt_date,
    ordered_units - coalesce(received_units, 0) as open_units
from purchase_orders
where purchase_order_status = 'open' and ordered_units > coalesce(received_units, 0)
