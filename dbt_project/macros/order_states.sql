{#-
    The states of an order in the order of its life; ties in time are broken by it. After `stuck_after_hours` in a state
    without leaving it an order is stuck. The hours are the longest that an order usually stays: on the simulated shop 99 %
    leave `placed` within 70 hours (unpaid orders are cancelled then), `paid` within 119 (a weekend and a holiday lie between),
    `packed` within 1.5, `shipped` within 290. States without hours are ends.
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
    ) as life_cycle (order_status, life_cycle_position, stuck_after_hours)
{%- endmacro %}

{#-
    One CTE for fct_order_states: what proves a state that the history of states may lack. Reads the CTEs orders and versions,
    defines proofs.
-#}
{% macro order_state_proofs() -%}
    {%- set proven_by = [
        ('placed', 'ordered_at', 'order'), ('paid', 'paid_at', 'payment'), ('shipped', 'dispatched_at', 'parcel')
    ] -%}
proofs as (
        {% for status, moment, evidence in proven_by %}
            select
                order_id,
                '{{ status }}' as order_status,
                {{ moment }} as entered_at,
                '{{ evidence }}' as evidence,
                2 as preference
            from orders
            where {{ moment }} is not null
            union all
        {% endfor %}
        -- all of its parcels arrived
        select
            order_id,
            'delivered' as order_status,
            max(delivered_at) as entered_at,
            'parcel' as evidence,
            2 as preference
        from {{ ref('int_shipments_transit') }}
        group by order_id
        having count(*) = count(delivered_at)
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
