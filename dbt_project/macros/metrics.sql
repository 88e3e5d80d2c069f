{#- The metric dictionary (models/marts/metrics/metrics.yml) as SQL. dbt knows it when it runs, not yet when it parses. -#}

{#- Every metric, sorted by name. -#}
{% macro metric_nodes(type=none) -%}
    {%- set found = [] -%}
    {%- for metric in ((graph | default({})).metrics or {}).values() | sort(attribute='name') if type in (none, metric.type) -%}
        {%- do found.append(metric) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- One CTE for each semantic model, <name>_by_day: all of its measures summed up by their business day, in one scan. -#}
{% macro measures_by_day() -%}
    {%- for model in ((graph | default({})).semantic_models or {}).values() | sort(attribute='name') %}
    {{ model.name }}_by_day as (
        select
            {{ model.defaults.agg_time_dimension }} as metric_date,
            {%- for measure in model.measures %}
            {{ measure.agg }}({{ measure.expr }}) as {{ measure.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ ref(model.node_relation.alias) }}
        where {{ model.defaults.agg_time_dimension }} is not null
        group by {{ model.defaults.agg_time_dimension }}
    ),
    {% endfor -%}
{%- endmacro %}

{#- The semantic model that has the measure of a simple metric; an unknown one stops the build. -#}
{% macro semantic_model_of(metric) -%}
    {%- set wanted = metric.type_params.measure.name -%}
    {%- for model in graph.semantic_models.values() -%}
        {%- for measure in model.measures if measure.name == wanted -%}
            {{ return(model) }}
        {%- endfor -%}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error("Metric " ~ metric.name ~ " names the measure " ~ wanted ~ ", which no semantic model has.") }}
{%- endmacro %}
