-- Which line does a refund, return or cancellation take back? In this order: the line it names; the line of its order with
-- its SKU; every line of its order; and, where it names no order, the latest earlier line of the same customer and SKU
-- with at least its units. Guests' cancellations without an order stay unmatched.
with

refunds as (
    select
        *,
        refund_kind in ('cancellation', 'return') as is_of_units
    from {{ ref('stg_shop__refunds') }}
),

lines as (
    select
        lines.order_id,
        lines.line_number,
        lines.sku,
        lines.units,
        lines.ordered_at,
        orders.customer_id,
        sum(lines.units) filter (where lines.line_kind = 'product') over (partition by lines.order_id) as order_units,
        greatest(lines.units * lines.unit_price_amount - coalesce(lines.discount_amount, 0), 0) as line_amount
    from {{ ref('stg_shop__order_lines') }} as lines
    left join {{ ref('int_orders_converted') }} as orders on lines.order_id = orders.order_id
    -- few orders are refunded: of all others no line is looked at
    where
        lines.order_id in (
            select refunds.order_id from refunds
            where refunds.order_id is not null
        )
        or orders.customer_id in (
            select refunds.customer_id from refunds
            where refunds.order_id is null and refunds.customer_id is not null
        )
),

named_line as (
    select
        refunds.refund_id,
        lines.order_id,
        lines.line_number,
        case when refunds.is_of_units then least(coalesce(refunds.units, lines.units), lines.units) else 0 end as units,
        'line' as match_rule
    from refunds
    inner join lines on refunds.order_id = lines.order_id and refunds.line_number = lines.line_number
),

whole_order as (
    select
        refunds.refund_id,
        lines.order_id,
        lines.line_number,
        -- fewer units than the order has, of an unknown line, can be taken off no line
        case
            when refunds.is_of_units and coalesce(refunds.units >= lines.order_units, true) then lines.units
            else 0
        end as units,
        'order' as match_rule
    from refunds
    inner join lines on refunds.order_id = lines.order_id
    where refunds.line_number is null and refunds.sku is null
),

candidates as (
    select
        refunds.refund_id,
        refunds.refunded_at,
        lines.order_id,
        lines.line_number,
        lines.ordered_at,
        case when refunds.is_of_units then coalesce(refunds.units, lines.units) else 0 end as units,
        'order_sku' as match_rule
    from refunds
    inner join lines on refunds.order_id = lines.order_id and refunds.sku = lines.sku
    where refunds.line_number is null
    union all
    select
        refunds.refund_id,
        refunds.refunded_at,
        lines.order_id,
        lines.line_number,
        lines.ordered_at,
        case when refunds.is_of_units then coalesce(refunds.units, lines.units) else 0 end as units,
        'customer_sku' as match_rule
    from refunds
    inner join lines
        on
            refunds.customer_id = lines.customer_id
            and refunds.sku = lines.sku
            and refunds.refunded_at >= lines.ordered_at
    where refunds.order_id is null
),

-- three rounds leave 0 contended refunds open in the data sets measured; what is left is reported as unmatched
{{ refund_matching_start() }},

{{ refund_matching_round(1) }},

{{ refund_matching_round(2) }},

{{ refund_matching_round(3) }},

matched as (
    select * from named_line
    union all
    select * from whole_order
    union all
    select * from taken_3
),

{{ refund_shares() }}

select
    refund_id,
    refund_kind,
    match_rule,
    order_id,
    line_number,
    cast(units as bigint) as units,
    cast(
        round(total_refund_amount * (running_weight / total_weight), 2)
        - round(total_refund_amount * ((running_weight - weight) / total_weight), 2) as decimal(18, 2)
    ) as refund_amount,
    currency,
    refunded_at,
    refunded_date,
    reason
from shared
