with

orders as (select * from {{ ref('fct_orders') }}),

lines as (
    select
        lines.order_id,
        bool_and(
            coalesce(
                case
                    when stock.is_stock_known then stock.on_hand_units >= lines.demand_units
                    else stock.is_in_stock
                end,
                true
            )
        ) as is_all_in_stock,
        bool_or(coalesce(products.is_perishable, false)) as has_perishable
    from {{ ref('fct_order_lines') }} as lines
    left join {{ ref('int_stock_positions') }} as stock
        on lines.sku = stock.sku and lines.location_id = stock.location_id
    left join {{ ref('dim_products') }} as products on lines.sku = products.sku
    where lines.line_kind = 'product' and lines.demand_units > 0
    group by lines.order_id
),

earlier_orders as (
    select
        order_id,
        count(*) over before_it as n_orders,
        count(*) filter (where is_late) over before_it as n_late_orders
    from orders
    where customer_id is not null and not is_cancelled
    window before_it as (
        partition by customer_id
        order by ordered_at, order_id
        rows between unbounded preceding and 1 preceding
    )
)

select
    orders.order_id,
    orders.customer_id,
    orders.location_id,
    orders.ordered_at,
    orders.paid_at,
    orders.order_status,
    orders.payment_status,
    orders.shipping_method,
    orders.shipping_country,
    orders.promised_dispatch_at,
    orders.promised_delivery_date,
    cast(orders.shop_total_amount as double) as value_amount,
    orders.shop_currency as currency,
    orders.n_lines,
    orders.units as n_units,
    coalesce(lines.is_all_in_stock, true) as is_all_in_stock,
    coalesce(lines.has_perishable, false) as has_perishable,
    coalesce(earlier_orders.n_orders, 0) as customer_n_orders,
    coalesce(earlier_orders.n_late_orders, 0) as customer_n_late_orders
from orders
left join lines on orders.order_id = lines.order_id
left join earlier_orders on orders.order_id = earlier_orders.order_id
where
    orders.order_status in ('placed', 'paid', 'packed')
    and orders.dispatched_at is null
