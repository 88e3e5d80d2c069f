{#-
    The states of an order in the order of its life; ties in time are broken by it. States without `thin_history_hours` are ends.
    The hours are the limit of what is usual where too few orders of a shipping method left a state to learn it (see
    `usual_states`): on the simulated shop 99 % leave `placed` within 70 hours (unpaid orders are cancelled then), `paid`
    within 119 (a weekend and a holiday lie between), `packed` within 1.5, `shipped` within 290.
-#}
{% macro order_states() -%}
    (
        values
        ('placed', 1, 72),
        ('paid', 2, 120),
        ('packed', 3, 24),
        ('shipped', 4, 336),
        ('delivered', 5, null),
        ('returned', 6, null),
        ('cancelled', 7, null)
    ) as life_cycle (order_status, life_cycle_position, thin_history_hours)
{%- endmacro %}

{#-
    One CTE for fct_order_states, and the only place that says when an order is stuck: longer in a state than twice what 95 % of
    the orders of its shipping method needed that left it in the 90 days before as_of, and longer than a day. Fewer than 30 such
    orders teach nothing. Reads the CTE intervals.
-#}
{% macro usual_states() -%}
usual_states as (
        select
            order_status,
            shipping_method,
            greatest(2 * quantile_cont(state_seconds, 0.95) / 3600, 24) as stuck_after_hours
        from intervals
        where left_at >= {{ utc(as_of_end()) }} - interval 90 day
        group by order_status, shipping_method
        having count(*) >= 30
    )
{%- endmacro %}

{#-
    One CTE for fct_order_states: which states the history tells of an order. What it tells needs no proof, so that for nearly
    all orders none is looked for.
-#}
{% macro order_states_told() -%}
told as (
        select
            order_id{% for status in order_status_names() %},
            bool_or(order_status = '{{ status }}') as has_{{ status }}{% endfor %}
        from {{ ref('stg_shop__order_status_events') }}
        group by order_id
    )
{%- endmacro %}

{#- Whether the history tells of the state that a column names; reads the CTE told. -#}
{% macro is_told(status) -%}
    coalesce(case {{ status }}{% for name in order_status_names() %} when '{{ name }}' then told.has_{{ name }}{% endfor %} end, false)
{%- endmacro %}

{% macro order_status_names() -%}
    {{ return(['placed', 'paid', 'packed', 'shipped', 'delivered', 'returned', 'cancelled']) }}
{%- endmacro %}

{#-
    One CTE for fct_order_states: what proves a state that the history of states may lack. Reads the CTEs orders, told and
    versions, defines proofs.
-#}
{% macro order_state_proofs() -%}
    {%- set proven_by = [
        ('placed', 'ordered_at', 'order'), ('paid', 'paid_at', 'payment'), ('shipped', 'dispatched_at', 'parcel')
    ] -%}
proofs as (
        {% for status, moment, evidence in proven_by %}
            select
                orders.order_id,
                '{{ status }}' as order_status,
                orders.{{ moment }} as entered_at,
                '{{ evidence }}' as evidence,
                2 as preference
            from orders
            left join told on orders.order_id = told.order_id
            where orders.{{ moment }} is not null and not coalesce(told.has_{{ status }}, false)
            union all
        {% endfor %}
        -- all of its parcels arrived
        select
            parcels.order_id,
            'delivered' as order_status,
            max(parcels.delivered_at) as entered_at,
            'parcel' as evidence,
            2 as preference
        from {{ ref('fct_shipments') }} as parcels
        left join told on parcels.order_id = told.order_id
        where not coalesce(told.has_delivered, false)
        group by parcels.order_id
        having count(*) = count(parcels.delivered_at)
        union all
        select
            order_id,
            order_status,
            entered_at,
            'order_version' as evidence,
            3 as preference
        from versions
    )
{%- endmacro %}
