-- Each feed is counted twice, on ways that share no model: in the lake, by the latest version of each record known at as_of,
-- and in its mart.
with

lake as (
    {{ sync_lake(
        'orders', 'ordered_at', 'updated_at < ' ~ as_of_end(), 'total_amount', key='order_id', version='updated_at'
    ) }}
    union all
    {{ sync_lake(
        'order_lines', 'ordered_at', 'ordered_at < ' ~ as_of_end(), 'units * unit_price_amount'
    ) }}
    union all
    {{ sync_lake('payments', 'paid_at', 'paid_at < ' ~ as_of_end(), 'amount') }}
    union all
    {{ sync_lake('refunds', 'refunded_at', 'refunded_at < ' ~ as_of_end(), 'refund_amount') }}
    union all
    {{ sync_lake(
        'shipments', 'dispatched_at', 'updated_at < ' ~ as_of_end(), '0', key='shipment_id', version='updated_at'
    ) }}
    union all
    {{ sync_lake(
        'stock_levels', 'stock_date', 'stock_date <= ' ~ shop_setting('as_of'), 'on_hand_units', key='sku, location_id, stock_date'
    ) }}
),

warehouse as (
    {{ sync_warehouse('orders', ref('fct_orders'), 'ordered_date', 'total_amount', 'is_cancelled') }}
    union all
    {{ sync_warehouse('order_lines', ref('fct_order_lines'), 'ordered_date', 'gross_amount', "line_kind <> 'product'") }}
    union all
    {{ sync_warehouse('payments', ref('fct_payments'), 'paid_date', 'amount', 'not is_captured') }}
    union all
    {{ sync_warehouse(
        'refunds', ref('int_refunds_matched'), 'refunded_date', 'refund_amount', "match_rule = 'unmatched'", 'count(distinct refund_id)'
    ) }}
    union all
    {{ sync_warehouse('shipments', ref('fct_shipments'), 'dispatched_date', '0', "shipment_status in ('lost', 'returned')") }}
    union all
    {{ sync_warehouse('stock_levels', ref('fct_stock_daily'), 'stock_date', 'on_hand_units', 'on_hand_units is null') }}
),

compared as (
    select
        coalesce(lake.feed, warehouse.feed) as feed,
        coalesce(lake.audit_date, warehouse.audit_date) as audit_date,
        coalesce(lake.n_source_rows, 0) as n_source_rows,
        coalesce(lake.n_not_yet_rows, 0) as n_not_yet_rows,
        coalesce(lake.n_replaced_rows, 0) as n_replaced_rows,
        coalesce(lake.n_expected_rows, 0) as n_expected_rows,
        coalesce(warehouse.n_warehouse_rows, 0) as n_warehouse_rows,
        coalesce(warehouse.n_set_aside_rows, 0) as n_set_aside_rows,
        coalesce(lake.expected_amount, 0) as expected_amount,
        coalesce(warehouse.warehouse_amount, 0) as warehouse_amount
    from lake
    full outer join warehouse on lake.feed = warehouse.feed and lake.audit_date = warehouse.audit_date
    where coalesce(lake.audit_date, warehouse.audit_date) is not null
)

select
    feed,
    audit_date,
    cast(n_source_rows as bigint) as n_source_rows,
    cast(n_not_yet_rows as bigint) as n_not_yet_rows,
    cast(n_replaced_rows as bigint) as n_replaced_rows,
    n_expected_rows,
    n_warehouse_rows,
    n_warehouse_rows - n_expected_rows as n_difference_rows,
    n_set_aside_rows,
    cast(expected_amount as decimal(18, 2)) as expected_amount,
    cast(warehouse_amount as decimal(18, 2)) as warehouse_amount,
    cast(warehouse_amount - expected_amount as decimal(18, 2)) as difference_amount,
    case
        when n_warehouse_rows <> n_expected_rows or warehouse_amount <> expected_amount then 'differs'
        when n_source_rows <> n_warehouse_rows then 'explained'
        else 'equal'
    end as status
from compared
