{#- The columns that sessions of people and of bots share, in UTC and business days. -#}
{% macro session_columns() -%}
session_id,
    visitor_id,
    customer_id,
    {{ utc('started_at') }} as started_at,
    {{ business_date('started_at') }} as started_date,
    {{ utc('ended_at') }} as ended_at,
    duration_seconds,
    n_events,
    n_views,
    n_searches,
    n_add_to_carts,
    n_remove_from_carts,
    n_favourites,
    n_shares,
    n_purchases,
    n_skus,
    order_id,
    device_type,
    country,
    channel
{%- endmacro %}
