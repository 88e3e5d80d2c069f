{#- One setting of the shop as a scalar: time_zone, currency, default_location, demand_period_days, as_of, run_id. -#}
{% macro shop_setting(name) -%}
    (select settings.{{ name }} from {{ source('control', 'shop_settings') }} as settings)
{%- endmacro %}

{#- The first instant after the business day as_of, in the shop's zone: what happens from here on is not yet known. -#}
{% macro as_of_end() -%}
    (
        select timezone(settings.time_zone, cast(settings.as_of + 1 as timestamp))
        from {{ source('control', 'shop_settings') }} as settings
    )
{%- endmacro %}
