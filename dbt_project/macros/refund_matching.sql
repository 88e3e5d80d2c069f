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

{#- Two CTEs for int_refunds_matched, before its rounds: the units a line can still give, and that none is taken yet. -#}
{% macro refund_matching_start() -%}
    line_capacity as (
        select
            lines.order_id,
            lines.line_number,
            lines.units - least(lines.units, coalesce(sum(named_line.units), 0)) as free_units
        from lines
        inner join (
            select distinct
                order_id,
                line_number
            from candidates
        ) as wanted on lines.order_id = wanted.order_id and lines.line_number = wanted.line_number
        left join named_line on lines.order_id = named_line.order_id and lines.line_number = named_line.line_number
        group by lines.order_id, lines.line_number, lines.units
    ),

    taken_0 as (
        select
            refund_id,
            order_id,
            line_number,
            units,
            match_rule
        from candidates
        where false
    )
{%- endmacro %}

{#-
    Two CTEs for int_refunds_matched, after its rounds: each refund with the lines it was matched to, and the running weight by
    which its money is shared over them. Reads the CTEs refunds, lines and matched, defines weighted and shared.
-#}
{% macro refund_shares() -%}
    weighted as (
        select
            refunds.refund_id,
            refunds.refund_kind,
            refunds.refunded_at,
            refunds.refunded_date,
            refunds.refund_amount as total_refund_amount,
            refunds.currency,
            refunds.reason,
            matched.line_number,
            coalesce(matched.order_id, refunds.order_id) as order_id,
            coalesce(matched.match_rule, 'unmatched') as match_rule,
            coalesce(matched.units, 0) as units,
            case
                when sum(lines.line_amount) over whole_refund > 0 then lines.line_amount
                else 1
            end as weight
        from refunds
        left join matched on refunds.refund_id = matched.refund_id
        left join lines on matched.order_id = lines.order_id and matched.line_number = lines.line_number
        window whole_refund as (partition by refunds.refund_id)
    ),

    -- the shares of a refund over several lines are rounded on the running total, so that they add up to the cent
    shared as (
        select
            *,
            sum(weight) over (
                partition by refund_id order by line_number rows between unbounded preceding and current row
            ) as running_weight,
            sum(weight) over (partition by refund_id) as total_weight
        from weighted
    )
{%- endmacro %}
