{#-
    One round of matching refunds that name no line; reads the CTEs candidates, line_capacity and taken_<number - 1>,
    defines taken_<number>. Each refund still open chooses the latest line that has enough units left; on each line the
    earliest refunds are accepted as long as their units fit, and those that lost choose again in the next round.
    Ties are broken by key, so the result is deterministic.
-#}
{% macro refund_matching_round(number) -%}
    left_{{ number }} as (
        select
            line_capacity.order_id,
            line_capacity.line_number,
            line_capacity.free_units - coalesce(sum(taken.units), 0) as left_units
        from line_capacity
        left join taken_{{ number - 1 }} as taken
            on line_capacity.order_id = taken.order_id and line_capacity.line_number = taken.line_number
        group by line_capacity.order_id, line_capacity.line_number, line_capacity.free_units
    ),

    chosen_{{ number }} as (
        select
            candidates.*,
            remaining.left_units
        from candidates
        inner join left_{{ number }} as remaining
            on
                candidates.order_id = remaining.order_id
                and candidates.line_number = remaining.line_number
                and candidates.units <= remaining.left_units
        where candidates.refund_id not in (select taken.refund_id from taken_{{ number - 1 }} as taken)
        qualify row_number() over (
            partition by candidates.refund_id
            order by candidates.ordered_at desc, candidates.order_id desc, candidates.line_number desc
        ) = 1
    ),

    taken_{{ number }} as (
        select
            refund_id,
            order_id,
            line_number,
            units,
            match_rule
        from taken_{{ number - 1 }}
        union all
        (
            select
                refund_id,
                order_id,
                line_number,
                units,
                match_rule
            from chosen_{{ number }}
            qualify sum(units) over (
                partition by order_id, line_number
                order by refunded_at, refund_id
                rows between unbounded preceding and current row
            ) <= left_units
        )
    )
{%- endmacro %}
