-- Who ordered but is missing from the customers feed is a customer too. Names and addresses stay out of the marts.
with

customers as (select * from {{ ref('stg_shop__customers') }}),

ordered as (
    select
        customer_id,
        min(ordered_date) as first_order_date,
        max(ordered_date) as last_order_date,
        count(*) filter (where not is_cancelled) as n_orders,
        coalesce(sum(shop_net_amount) filter (where not is_cancelled), 0) as shop_net_amount,
        arg_max(shipping_country, (ordered_at, order_id)) as last_shipping_country
    from {{ ref('fct_orders') }}
    where customer_id is not null
    group by customer_id
)

select
    coalesce(customers.customer_id, ordered.customer_id) as customer_id,
    customers.customer_id is not null as is_registered,
    customers.registered_at,
    customers.registered_date,
    coalesce(customers.country, ordered.last_shipping_country) as country,
    customers.language,
    customers.segment,
    coalesce(customers.is_marketing_allowed, false) as is_marketing_allowed,
    ordered.first_order_date,
    ordered.last_order_date,
    coalesce(ordered.n_orders, 0) as n_orders,
    cast(coalesce(ordered.shop_net_amount, 0) as decimal(18, 2)) as shop_net_amount,
    {{ shop_setting('currency') }} as shop_currency
from customers
full outer join ordered on customers.customer_id = ordered.customer_id
