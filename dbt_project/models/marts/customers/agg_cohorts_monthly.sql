-- A cohort is who bought for the first time in a month; an order that was cancelled is none. The month of as_of is not over, so its
-- retention is still rising.
with

orders as (
    select
        orders.order_id,
        coalesce(linked.person_id, orders.customer_id) as person_id,
        cast(date_trunc('month', orders.ordered_date) as date) as order_month,
        coalesce(orders.shop_net_amount, 0) as shop_net_amount
    from {{ ref('fct_orders') }} as orders
    left join {{ ref('int_customers_linked') }} as linked on orders.customer_id = linked.customer_id
    where orders.customer_id is not null and not orders.is_cancelled
),

firsts as (
    select
        person_id,
        min(order_month) as cohort_month
    from orders
    group by person_id
),

cohorts as (
    select
        cohort_month,
        count(*) as n_customers
    from firsts
    group by cohort_month
),

cells as (
    select
        cohorts.cohort_month,
        cohorts.n_customers,
        cast(unnest(
            generate_series(cohorts.cohort_month, {{ shop_setting('as_of') }}, interval 1 month)
        ) as date) as order_month
    from cohorts
),

activity as (
    select
        firsts.cohort_month,
        orders.order_month,
        count(distinct orders.person_id) as n_active_customers,
        count(*) as n_orders,
        sum(orders.shop_net_amount) as shop_net_amount
    from orders
    inner join firsts on orders.person_id = firsts.person_id
    group by firsts.cohort_month, orders.order_month
)

select
    cells.cohort_month,
    date_diff('month', cells.cohort_month, cells.order_month) as months_since_first,
    cells.order_month,
    last_day(cells.order_month) <= {{ shop_setting('as_of') }} as is_month_over,
    cells.n_customers,
    coalesce(activity.n_active_customers, 0) as n_active_customers,
    coalesce(activity.n_active_customers, 0) / cells.n_customers as retention_ratio,
    coalesce(activity.n_orders, 0) as n_orders,
    cast(coalesce(activity.shop_net_amount, 0) as decimal(18, 2)) as shop_net_amount,
    cast(
        sum(coalesce(activity.shop_net_amount, 0)) over (partition by cells.cohort_month order by cells.order_month)
        as decimal(18, 2)
    ) as cumulative_shop_net_amount,
    {{ shop_setting('currency') }} as shop_currency
from cells
left join activity on cells.cohort_month = activity.cohort_month and cells.order_month = activity.order_month
