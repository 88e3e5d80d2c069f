{#-
    Tables are replaced by one statement in one transaction: readers see the old rows or the new ones. The adapter's own
    way (build beside, rename twice, drop) costs more: DuckDB writes the rows of a table that was renamed in the
    transaction that made it once into its log and once more into the file.
-#}
{% materialization table, adapter="duckdb" %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and not existing.is_table %}{{ drop_relation_if_exists(existing) }}{% endif -%}
    {% call statement('main') -%}
        {{ replaced_table_sql(target, compiled_code) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#- With an enforced contract, names, types and constraints come from the YAML, and a query that differs is refused. -#}
{% macro replaced_table_sql(target, query) -%}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(query) }}
        create or replace table {{ target }} {{ get_table_columns_and_constraints() }};
        insert into {{ target }} {{ get_column_names() }} ({{ get_select_subquery(query) }})
    {%- else -%}
        create or replace table {{ target }} as ({{ query }})
    {%- endif -%}
{%- endmacro %}

{#- A view, likewise. -#}
{% materialization view, adapter="duckdb" %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='view') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and not existing.is_view %}{{ drop_relation_if_exists(existing) }}{% endif -%}
    {%- if config.get('contract').enforced %}{{ get_assert_columns_equivalent(compiled_code) }}{% endif -%}
    {% call statement('main') -%}
        create or replace view {{ target }} as ({{ compiled_code }})
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
