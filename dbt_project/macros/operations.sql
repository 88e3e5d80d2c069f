{#- How long the orders of each shipping method took for a stage they finished in the 90 days before as_of; reads the CTE timed. -#}
{% macro usual_stage(stage, finished_at, seconds) -%}
    select
        '{{ stage }}' as stage,
        shipping_method,
        quantile_cont({{ seconds }}, 0.75) as p75_seconds,
        quantile_cont({{ seconds }}, 0.95) as p95_seconds
    from timed
    where {{ seconds }} >= 0 and {{ finished_at }} >= now_at - interval 90 day
    group by shipping_method
    having count(*) >= 30
{%- endmacro %}

{#-
    What the lake has of a feed on each business day. Without a key the feed's records never change, and each is its only
    version; with one, a record counts on the day and with the amount of its latest version known at as_of.
-#}
{% macro sync_lake(feed, day, known, amount, key=none, version=none) -%}
    select
        '{{ feed }}' as feed,
        audit_date,
        sum(n_versions) as n_source_rows,
        sum(n_versions - n_known) as n_not_yet_rows,
        sum(greatest(n_known - 1, 0)) as n_replaced_rows,
        count(*) filter (where n_known > 0) as n_expected_rows,
        cast(coalesce(sum(amount) filter (where n_known > 0), 0) as decimal(18, 2)) as expected_amount
    from (
        select
            {% if key -%}
            {%- set latest = '(' ~ (version ~ ', ' if version else '') ~ '_load_number, _line)' -%}
            coalesce(max_by({{ day }}, {{ latest }}) filter (where {{ known }}), max({{ day }})) as audit_date,
            count(*) as n_versions,
            count(*) filter (where {{ known }}) as n_known,
            max_by(coalesce({{ amount }}, 0), {{ latest }}) filter (where {{ known }}) as amount
            {%- else -%}
            {{ day }} as audit_date,
            1 as n_versions,
            case when {{ known }} then 1 else 0 end as n_known,
            {{ amount }} as amount
            {%- endif %}
        from {{ source('raw', feed) }}
        {% if key %}group by {{ key }}{% endif %}
    )
    group by audit_date
{%- endmacro %}

{#- What the warehouse has of a feed on each business day, and how many of its rows daily sums leave out. -#}
{% macro sync_warehouse(feed, relation, day, amount, set_aside, records='count(*)') -%}
    select
        '{{ feed }}' as feed,
        {{ day }} as audit_date,
        {{ records }} as n_warehouse_rows,
        count(*) filter (where {{ set_aside }}) as n_set_aside_rows,
        cast(coalesce(sum({{ amount }}), 0) as decimal(18, 2)) as warehouse_amount
    from {{ relation }}
    group by {{ day }}
{%- endmacro %}
