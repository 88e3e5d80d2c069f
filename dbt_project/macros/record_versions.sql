{#-
    Three CTEs for a slowly changing table (type 2), from every version that the lake keeps of a feed's records: staging has only the
    latest. Nothing is stored between runs, so a rebuild gives the same rows. Reads `raw.<feed>`, defines known, stated and
    versions (key, attributes, version_number, valid_from, valid_to, is_current).

    A version sent twice counts once (the later load wins), and one that changes none of the attributes is no version of its own.
-#}
{% macro record_versions(feed, key, attributes, version='updated_at') -%}
    known as (
        select * from {{ source('raw', feed) }}
        where {{ version }} < {{ as_of_end() }}
    ),

    stated as (
        select * from known
        qualify row_number() over (
            partition by {{ key | join(', ') }}, {{ version }} order by _load_number desc, _line desc
        ) = 1
    ),

    changed as (
        select * from stated
        window in_time as (partition by {{ key | join(', ') }} order by {{ version }})
        qualify
            row_number() over in_time = 1
            or row({{ attributes | join(', ') }}) is distinct from lag(row({{ attributes | join(', ') }})) over in_time
    ),

    versions as (
        select
            {{ (key + attributes) | join(',\n            ') }},
            row_number() over in_time as version_number,
            {{ utc(version) }} as valid_from,
            {{ utc('lead(' ~ version ~ ') over in_time') }} as valid_to,
            lead({{ version }}) over in_time is null as is_current
        from changed
        window in_time as (partition by {{ key | join(', ') }} order by {{ version }})
    )
{%- endmacro %}
