{{ config(meta={'dagster': {'ref': {'name': 'int_order_lines_netted'}}}) }}
-- a failing row is a line that refunds without a line number take more units off than it has
select
    matched.order_id,
    matched.line_number,
    lines.units,
    sum(matched.units) as matched_units
from {{ ref('int_refunds_matched') }} as matched
inner join {{ ref('int_order_lines_netted') }} as lines
    on matched.order_id = lines.order_id and matched.line_number = lines.line_number
where matched.match_rule in ('order_sku', 'customer_sku')
group by matched.order_id, matched.line_number, lines.units
having sum(matched.units) > lines.units
