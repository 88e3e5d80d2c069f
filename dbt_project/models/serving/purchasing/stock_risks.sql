with

scored as (select * from {{ source('ml', 'stock_risks') }})

select
    sku,
    location_id,
    on_hand_units,
    inventory_position_units,
    days_of_cover,
    stock_out_ratio,
    expected_lost_units,
    expected_lost_amount,
    currency,
    excess_units,
    risk_class,
    as_of,
    run_id,
    model_version
from scored
