{#- Schemas are named as configured (staging, marts, ...): one warehouse file is one shop, so no prefix is needed. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
