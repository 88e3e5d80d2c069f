{#- None of the columns is below zero; nulls pass. -#}
{% test not_negative(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {% for column in columns %}{{ column }} < 0{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
