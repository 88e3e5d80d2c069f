-- The dictionary itself, published beside its numbers.
with

metrics as (
    {% for metric in metric_nodes() %}
    {% set meta = metric.config.meta %}
    select
        '{{ metric.name }}' as metric,
        '{{ metric.label | replace("'", "''") }}' as label,
        '{{ metric.description | replace("'", "''") }}' as definition,
        '{{ meta.formula | replace("'", "''") }}' as formula,
        '{{ meta.unit }}' as unit,
        '{{ meta.grain }}' as grain,
        '{{ meta.owner }}' as owner,
        '{{ (metric.type_params.numerator or {}).name or metric.name }}' as numerator_metric,
        nullif('{{ (metric.type_params.denominator or {}).name or '' }}', '') as denominator_metric
    union all
    {% endfor %}
    select
        null as metric,
        null as label,
        null as definition,
        null as formula,
        null as unit,
        null as grain,
        null as owner,
        null as numerator_metric,
        null as denominator_metric
    where false
)

select
    metric,
    label,
    definition,
    formula,
    unit,
    grain,
    owner,
    numerator_metric,
    denominator_metric
from metrics
