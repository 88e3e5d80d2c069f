{#- The only place where zones are converted. Both macros take a timestamptz column of the lake. -#}

{#- Plain timestamp in UTC; the instant as it is stored, without the cost of looking up a zone's rules for each row. -#}
{% macro utc(column) -%}
    make_timestamp(epoch_us({{ column }}))
{%- endmacro %}

{#- Business day in the shop's zone, daylight saving included. -#}
{% macro business_date(column) -%}
    cast(timezone({{ shop_setting('time_zone') }}, {{ column }}) as date)
{%- endmacro %}

{#- First day of the demand period that a business day belongs to: the day itself, or the Monday of its week. -#}
{% macro demand_period(date_column) -%}
    case
        when {{ shop_setting('demand_period_days') }} = 7 then cast(date_trunc('week', {{ date_column }}) as date)
        else {{ date_column }}
    end
{%- endmacro %}
