{#- An amount in the shop's currency, to the cent; null where the rate is missing (a missing rate is never 1:1). -#}
{% macro converted(amount, rate) -%}
    cast(round({{ amount }} * {{ rate }}, 2) as decimal(18, 2))
{%- endmacro %}
