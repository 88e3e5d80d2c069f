{{ config(meta={'dagster': {'ref': {'name': 'fct_sessions'}}}) }}
-- Totals of visits, searches and customers are the same in every mart that counts them.
with

searches as (
    select * from {{ ref('stg_core__session_events') }}
    where event_type = 'search'
),

totals as (
    select
        'searches' as counted,
        (select count(*) from searches) as expected,
        (select coalesce(sum(n_searches), 0) from {{ ref('agg_searches_daily') }}) as found
    union all
    select
        'visits of visitors' as counted,
        (select count(*) from {{ ref('fct_sessions') }}) as expected,
        (select coalesce(sum(n_sessions), 0) from {{ ref('dim_visitors') }}) as found
    union all
    select
        'attributed orders' as counted,
        (select count(*) from {{ ref('fct_orders') }}) as expected,
        (select count(*) from {{ ref('fct_order_attributions') }}) as found
    union all
    select
        'orders of cohorts' as counted,
        (select coalesce(sum(n_orders), 0) from {{ ref('dim_customers') }}) as expected,
        (select coalesce(sum(n_orders), 0) from {{ ref('agg_cohorts_monthly') }}) as found
    union all
    select
        'money of cohorts' as counted,
        (select coalesce(sum(shop_net_amount), 0) from {{ ref('dim_customers') }}) as expected,
        (select coalesce(sum(shop_net_amount), 0) from {{ ref('agg_cohorts_monthly') }}) as found
    union all
    select
        'orders of scored customers' as counted,
        (select coalesce(sum(n_orders), 0) from {{ ref('dim_customers') }}) as expected,
        (select coalesce(sum(n_orders), 0) from {{ ref('agg_customers_rfm') }}) as found
    union all
    select
        'money of scored customers' as counted,
        (select coalesce(sum(shop_net_amount), 0) from {{ ref('dim_customers') }}) as expected,
        (select coalesce(sum(shop_net_amount), 0) from {{ ref('agg_customers_rfm') }}) as found
)

select * from totals
where expected <> found
