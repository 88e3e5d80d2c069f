{{ config(meta={'dagster': {'ref': {'name': 'fct_order_lines'}}}) }}
-- a failing row is a feed whose rows were lost or multiplied by a join on the way to its fact table
with

counts as (
    select
        'order_lines' as feed,
        (select count(*) from {{ ref('stg_shop__order_lines') }}) as n_source_rows,
        (select count(*) from {{ ref('fct_order_lines') }}) as n_fact_rows
    union all
    select
        'orders' as feed,
        (select count(*) from {{ ref('stg_shop__orders') }}) as n_source_rows,
        (select count(*) from {{ ref('fct_orders') }}) as n_fact_rows
    union all
    select
        'payments' as feed,
        (select count(*) from {{ ref('stg_shop__payments') }}) as n_source_rows,
        (select count(*) from {{ ref('fct_payments') }}) as n_fact_rows
    union all
    select
        'shipments' as feed,
        (select count(*) from {{ ref('stg_shop__shipments') }}) as n_source_rows,
        (select count(*) from {{ ref('fct_shipments') }}) as n_fact_rows
)

select * from counts
where n_source_rows <> n_fact_rows
