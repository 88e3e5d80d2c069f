{#- How long the orders of each shipping method took for a stage they finished in the 90 days before as_of; reads the CTE timed. -#}
{% macro usual_stage(stage, finished_at, seconds) -%}
    select
        '{{ stage }}' as stage,
        shipping_method,
        quantile_cont({{ seconds }}, 0.75) as p75_seconds
    from timed
    where {{ seconds }} >= 0 and {{ finished_at }} >= now_at - interval 90 day
    group by shipping_method
    having count(*) >= 30
{%- endmacro %}

{#-
    What the lake has of a feed on each business day of a moment (or of a date). Without a key the feed's records never change, and
    each is its only version; with one, a record counts on the day and with the amount of its latest version known at as_of.
    Days are told of a record, or of the quarters of an hour (each lies in one day, in every zone), and not of every row.
-#}
{% macro sync_lake(feed, moment, known, amount, key=none, version=none) -%}
    select
        '{{ feed }}' as feed,
        {{ moment if moment.endswith('_date') else business_date('moment') }} as audit_date,
        sum(n_versions) as n_source_rows,
        sum(n_versions - n_known) as n_not_yet_rows,
        sum(n_replaced) as n_replaced_rows,
        cast(sum(n_known - n_replaced) as bigint) as n_expected_rows,
        cast(coalesce(sum(amount), 0) as decimal(18, 2)) as expected_amount
    from (
        select
            {% if key -%}
            {%- set latest = place_of_version(version) -%}
            {% if moment in key.split(', ') -%}
            {{ moment }},
            {%- else -%}
            coalesce(max_by({{ moment }}, {{ latest }}) filter (where {{ known }}), max({{ moment }})) as moment,
            {%- endif %}
            count(*) as n_versions,
            count(*) filter (where {{ known }}) as n_known,
            greatest(count(*) filter (where {{ known }}) - 1, 0) as n_replaced,
            max_by(coalesce({{ amount }}, 0), {{ latest }}) filter (where {{ known }}) as amount
            {%- else -%}
            timezone('UTC', make_timestamp(epoch_us({{ moment }}) // 900000000 * 900000000)) as moment,
            count(*) as n_versions,
            count(*) filter (where {{ known }}) as n_known,
            0 as n_replaced,
            sum({{ amount }}) filter (where {{ known }}) as amount
            {%- endif %}
        from {{ source('raw', feed) }}
        group by {{ key or ('epoch_us(' ~ moment ~ ') // 900000000') }}
    )
    group by audit_date
{%- endmacro %}

{#-
    Where a version of a record stands among the others: by the source's version, then by load, then by line. One number
    (44 bits for the line, 24 for the load) is found the largest of in a third of the time that three columns take.
-#}
{% macro place_of_version(version=none) -%}
    {%- if version -%} cast(epoch_us({{ version }}) as hugeint) * 295147905179352825856 + {% endif -%}
    cast(_load_number as hugeint) * 17592186044416 + _line
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
