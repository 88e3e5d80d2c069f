{#-
    The same models on Spark (`transforms/warehouse`). A model's SQL is DuckDB's: what follows the mark is translated by the
    cursor that runs it. Every model is stored, views too: they would read the lake anew for each reader. All is built into
    a fresh folder, so nothing is replaced and no day is told from another.
-#}
{% macro from_duckdb() -%}
    /* from duckdb */
{%- endmacro %}

{% macro stored_on_spark() -%}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('drop') -%}
        drop table if exists {{ target }}
    {%- endcall %}
    {% call statement('main') -%}
        create table {{ target }} using {{ config.get('file_format', 'parquet') }} as
        {{ from_duckdb() }}
        {{ of_contract(compiled_code) }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{%- endmacro %}

{#- With an enforced contract the columns are those of the YAML, in its order and of its types; a missing one stops the build. -#}
{% macro of_contract(query) -%}
    {%- if config.get('contract').enforced -%}
        select
            {% for column in model.columns.values() -%}
            cast(contracted.{{ column.name }} as {{ column.data_type }}) as {{ column.name }}{{ ',' if not loop.last }}
            {% endfor %}
        from (
            {{ query }}
        ) as contracted
    {%- else -%}
        {{ query }}
    {%- endif -%}
{%- endmacro %}

{% materialization table, adapter="spark" %}
    {{ return(stored_on_spark()) }}
{% endmaterialization %}

{% materialization view, adapter="spark" %}
    {{ return(stored_on_spark()) }}
{% endmaterialization %}

{% materialization dirty_days, adapter="spark" %}
    {{ return(stored_on_spark()) }}
{% endmaterialization %}

{#- dbt's tests are models' SQL too. -#}
{% macro spark__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {{ from_duckdb() }}
    {{ default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}
