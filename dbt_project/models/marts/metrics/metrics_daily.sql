-- depends_on: {{ ref('fct_orders') }}, {{ ref('fct_order_lines') }}, {{ ref('fct_sessions') }}
-- depends_on: {{ ref('fct_stock_daily') }}, {{ ref('fct_shipments') }}
-- Written from the metric dictionary: a metric that is added there appears here.
with

{{ measures_by_day() }}

simple as (
    {% for metric in metric_nodes('simple') %}
    select
        '{{ metric.name }}' as metric,
        metric_date,
        cast({{ metric.type_params.measure.name }} as decimal(18, 2)) as numerator
    from {{ semantic_model_of(metric).name }}_by_day
    union all
    {% endfor %}
    select
        null as metric,
        null as metric_date,
        null as numerator
    where false
),

ratios as (
    {% for metric in metric_nodes('ratio') %}
    select
        '{{ metric.name }}' as metric,
        '{{ metric.type_params.numerator.name }}' as numerator_metric,
        '{{ metric.type_params.denominator.name }}' as denominator_metric
    union all
    {% endfor %}
    select
        null as metric,
        null as numerator_metric,
        null as denominator_metric
    where false
)

select
    metric,
    metric_date,
    numerator,
    cast(null as decimal(18, 2)) as denominator,
    cast(numerator as decimal(18, 6)) as metric_value
from simple
where numerator is not null
union all
select
    ratios.metric,
    above.metric_date,
    above.numerator,
    below.numerator as denominator,
    cast(round(above.numerator / nullif(below.numerator, 0), 6) as decimal(18, 6)) as metric_value
from ratios
inner join simple as above on ratios.numerator_metric = above.metric
inner join simple as below on ratios.denominator_metric = below.metric and above.metric_date = below.metric_date
where above.numerator is not null
