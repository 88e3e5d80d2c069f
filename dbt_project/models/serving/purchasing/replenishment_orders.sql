with

scored as (select * from {{ source('ml', 'replenishment_orders') }})

select
    proposal_id,
    sku,
    location_id,
    supplier_id,
    order_date,
    order_by_date,
    expected_receipt_date,
    units,
    unit_cost_amount,
    value_amount,
    currency,
    inventory_position_units,
    projected_on_hand_units,
    raw_units,
    moq_units,
    pack_size_units,
    stock_out_before_receipt_ratio,
    explanation,
    status,
    as_of,
    run_id,
    model_version
from scored
