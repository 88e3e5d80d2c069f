-- Cancelled orders are counted, but their money is kept apart: it never was revenue.
with

orders as (
    select
        *,
        coalesce(channel, 'unknown') as known_channel,
        coalesce(shipping_country, 'unknown') as known_country
    from {{ ref('fct_orders') }}
)

select
    ordered_date,
    known_channel as channel,
    known_country as shipping_country,
    currency,
    count(*) as n_orders,
    count(*) filter (where is_cancelled) as n_cancelled_orders,
    count(distinct customer_id) as n_customers,
    cast(coalesce(sum(units) filter (where not is_cancelled), 0) as bigint) as units,
    cast(coalesce(sum(gross_amount) filter (where not is_cancelled), 0) as decimal(18, 2)) as gross_amount,
    cast(coalesce(sum(discount_amount) filter (where not is_cancelled), 0) as decimal(18, 2)) as discount_amount,
    cast(coalesce(sum(refund_amount) filter (where not is_cancelled), 0) as decimal(18, 2)) as refund_amount,
    cast(coalesce(sum(net_amount) filter (where not is_cancelled), 0) as decimal(18, 2)) as net_amount,
    cast(coalesce(sum(shipping_amount) filter (where not is_cancelled), 0) as decimal(18, 2)) as shipping_amount,
    cast(coalesce(sum(tax_amount) filter (where not is_cancelled), 0) as decimal(18, 2)) as tax_amount,
    cast(coalesce(sum(total_amount) filter (where not is_cancelled), 0) as decimal(18, 2)) as total_amount,
    cast(coalesce(sum(total_amount) filter (where is_cancelled), 0) as decimal(18, 2)) as cancelled_amount,
    cast(coalesce(sum(shop_net_amount) filter (where not is_cancelled), 0) as decimal(18, 2)) as shop_net_amount,
    cast(coalesce(sum(shop_total_amount) filter (where not is_cancelled), 0) as decimal(18, 2)) as shop_total_amount,
    any_value(shop_currency) as shop_currency,
    count(*) filter (where is_rate_missing) as n_orders_without_rate
from orders
group by ordered_date, known_channel, known_country, currency
