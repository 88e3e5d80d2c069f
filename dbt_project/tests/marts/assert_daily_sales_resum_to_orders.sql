{{ config(meta={'dagster': {'ref': {'name': 'agg_sales_daily'}}}) }}
-- a failing row is a day and currency whose orders or money differ, to the cent, between the orders and the daily table
with

orders as (
    select
        ordered_date,
        currency,
        count(*) as n_orders,
        sum(case when is_cancelled then 0 else net_amount end) as net_amount,
        sum(total_amount) as total_amount,
        sum(case when is_cancelled then 0 else coalesce(shop_net_amount, 0) end) as shop_net_amount
    from {{ ref('fct_orders') }}
    group by all
),

daily as (
    select
        ordered_date,
        currency,
        sum(n_orders) as n_orders,
        sum(net_amount) as net_amount,
        sum(total_amount + cancelled_amount) as total_amount,
        sum(shop_net_amount) as shop_net_amount
    from {{ ref('agg_sales_daily') }}
    group by all
)

select
    ordered_date,
    currency,
    orders.net_amount as order_net_amount,
    daily.net_amount as daily_net_amount
from orders
full outer join daily using (ordered_date, currency)
where
    orders.n_orders is distinct from daily.n_orders
    or orders.net_amount is distinct from daily.net_amount
    or orders.total_amount is distinct from daily.total_amount
    or orders.shop_net_amount is distinct from daily.shop_net_amount
