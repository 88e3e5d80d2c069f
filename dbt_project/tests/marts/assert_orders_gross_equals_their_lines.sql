-- a failing row is an order whose stated gross amount differs from its product lines: the source's own figures disagree,
-- which the shop should know, but which is no reason to publish nothing
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}

select
    order_id,
    gross_amount,
    lines_gross_amount
from {{ ref('fct_orders') }}
where n_lines > 0 and abs(gross_amount - lines_gross_amount) > 0.01
