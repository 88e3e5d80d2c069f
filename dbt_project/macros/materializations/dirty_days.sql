{#-
    A daily table of which only the dirty days are rebuilt: those that a load brought rows for since the last build, and those
    that as_of has passed since, and those that a backfill names (SHOPWRIGHT_REBUILD_FROM and _TO). Fit only where a row depends on its feed's rows of the same day and on nothing else.

    Config: `feed` (the raw table) and `day` (the date column, named alike in the feed and in the model). Everything is rebuilt
    where there is nothing to add to, where the dbt project (its digest is in SHOPWRIGHT_PROJECT_DIGEST) or the shop's settings changed, where as_of or the loads went back,
    with --full-refresh, and where more than a third of the days is dirty, because then it is cheaper.
    `control.day_models` keeps, in the same transaction, what each model was built from and how many days were rebuilt.
-#}
{% materialization dirty_days, adapter="duckdb" %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and not existing.is_table %}{{ drop_relation_if_exists(existing) }}{% endif -%}
    {%- set can_add = existing is not none and existing.is_table and not should_full_refresh() -%}
    {%- set days = dirty_days(config.require('feed'), config.require('day')) if can_add else none -%}
    {% call statement('main') -%}
        {%- if days is none %}
            {{ replaced_table_sql(target, compiled_code) }}
        {%- else %}
            {{ get_assert_columns_equivalent(compiled_code) }}
            {%- set listed = "('" ~ days | join("', '") ~ "')" if days else "(cast(null as date))" -%}
            delete from {{ target }} where {{ config.get('day') }} in {{ listed }};
            insert into {{ target }} {{ get_column_names() }}
            select * from ({{ get_select_subquery(compiled_code) }}) as rebuilt where {{ config.get('day') }} in {{ listed }}
        {%- endif %};
        {{ remember_day_model(config.get('feed'), target, config.get('day'), days) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#- The days to rebuild, or none where the whole table has to be. -#}
{% macro dirty_days(feed, day) -%}
    {%- set state = run_query(day_model_state(feed)).rows -%}
    {%- if state | length == 0 %}{{ return(none) }}{% endif -%}
    {%- set dirty = run_query("
        select distinct cast(" ~ day ~ " as varchar) as dirty_day
        from " ~ source('raw', feed) ~ "
        where " ~ day ~ " <= date '" ~ state[0]['as_of'] ~ "'
            and (
                _load_number > " ~ state[0]['load_number'] ~ "
                or " ~ day ~ " > date '" ~ state[0]['built_as_of'] ~ "'
                or " ~ day ~ " between date '" ~ env_var('SHOPWRIGHT_REBUILD_FROM', '9999-12-31') ~ "'
                    and date '" ~ env_var('SHOPWRIGHT_REBUILD_TO', '0001-01-01') ~ "'
            )
        order by 1") -%}
    {%- set days = dirty.columns[0].values() | list -%}
    {{ return(days if 3 * (days | length) <= state[0]['n_days'] else none) }}
{%- endmacro %}

{#- What the model was last built from; no row where that tells nothing about what is dirty now. -#}
{% macro day_model_state(feed) -%}
    select
        built.load_number,
        built.n_days,
        cast(built.as_of as varchar) as built_as_of,
        cast(settings.as_of as varchar) as as_of
    from control.day_models as built
    cross join {{ source('control', 'shop_settings') }} as settings
    where
        built.model = '{{ this.identifier }}'
        and built.code = '{{ env_var('SHOPWRIGHT_PROJECT_DIGEST', '') }}'
        and built.code <> ''
        and built.settings = {{ settings_fingerprint() }}
        and built.as_of <= settings.as_of
        and built.load_number <= (select coalesce(max(loaded._load_number), 0) from {{ source('raw', feed) }} as loaded)
{%- endmacro %}

{% macro settings_fingerprint() -%}
    concat_ws('|', settings.time_zone, settings.currency, settings.default_location, settings.demand_period_days)
{%- endmacro %}

{% macro remember_day_model(feed, target, day, days) -%}
    delete from control.day_models where model = '{{ this.identifier }}';
    insert into control.day_models
    select
        '{{ this.identifier }}' as model,
        '{{ env_var('SHOPWRIGHT_PROJECT_DIGEST', '') }}' as code,
        {{ settings_fingerprint() }} as settings,
        settings.as_of,
        (select coalesce(max(loaded._load_number), 0) from {{ source('raw', feed) }} as loaded) as load_number,
        counted.n_days,
        {{ 'counted.n_days' if days is none else days | length }} as n_days_rebuilt
    from {{ source('control', 'shop_settings') }} as settings
    cross join (select count(distinct {{ day }}) as n_days from {{ target }}) as counted
{%- endmacro %}
