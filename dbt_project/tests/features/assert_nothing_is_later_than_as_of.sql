{{ config(meta={'dagster': {'ref': {'name': 'feat_skus_daily'}}}) }}
-- a failing row is a table that knows something from after as_of: a model that learns from it would look ahead
with

latest as (
    select 'feat_skus_daily' as table_name, max(demand_date) as last_date from {{ ref('feat_skus_daily') }}
    union all
    select 'fct_orders' as table_name, max(ordered_date) as last_date from {{ ref('fct_orders') }}
    union all
    select 'fct_order_lines' as table_name, max(ordered_date) as last_date from {{ ref('fct_order_lines') }}
    union all
    select 'fct_stock_daily' as table_name, max(stock_date) as last_date from {{ ref('fct_stock_daily') }}
    union all
    select 'feat_transits' as table_name, max(dispatched_date) as last_date from {{ ref('feat_transits') }}
    union all
    select 'fct_payments' as table_name, max(paid_date) as last_date from {{ ref('fct_payments') }}
)

select * from latest
where last_date > {{ shop_setting('as_of') }}
