{#-
    The latest known version of each record of an upsert feed: by the source's version column (where it has one),
    then by load, then by line of the file. Every column of the relation is kept.
-#}
{% macro latest_version(relation, key, version=none) -%}
    select *
    from {{ relation }}
    qualify row_number() over (
        partition by {{ key | join(', ') }}
        order by {% if version %}{{ version }} desc, {% endif %}_load_number desc, _line desc
    ) = 1
{%- endmacro %}
