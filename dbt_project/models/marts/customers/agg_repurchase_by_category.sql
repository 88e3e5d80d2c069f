-- A spell runs from a day on which a customer bought from a category to the next such day. The last spell of each customer has not
-- ended by as_of: it is censored. Shares are Kaplan-Meier estimates, 1 - product of (1 - ended / at risk), which use censored
-- spells for as long as they were watched; a share is empty for days that no spell of the category was watched.
with

purchases as (
    select distinct
        coalesce(products.category_id, 'unknown') as category_id,
        coalesce(linked.person_id, lines.customer_id) as person_id,
        lines.ordered_date
    from {{ ref('fct_order_lines') }} as lines
    left join {{ ref('dim_products') }} as products on lines.sku = products.sku
    left join {{ ref('int_customers_linked') }} as linked on lines.customer_id = linked.customer_id
    where lines.customer_id is not null and lines.line_kind = 'product' and lines.demand_units > 0
),

spells as (
    select
        category_id,
        person_id,
        lead(ordered_date) over (partition by category_id, person_id order by ordered_date) as next_date,
        date_diff('day', ordered_date, coalesce(next_date, {{ shop_setting('as_of') }})) as spell_days
    from purchases
),

ends as (
    select
        category_id,
        spell_days,
        count(*) as n_spells,
        count(next_date) as n_ended
    from spells
    group by category_id, spell_days
),

at_risk as (
    select
        *,
        sum(n_spells) over (partition by category_id order by spell_days desc) as n_at_risk
    from ends
),

curves as (
    select
        category_id,
        spell_days,
        1 - product(1 - n_ended / n_at_risk) over (partition by category_id order by spell_days) as repeated_ratio
    from at_risk
),

shares as (
    select
        category_id,
        min(spell_days) filter (where repeated_ratio >= 0.5 - 1e-12) as median_gap_days,
        max(repeated_ratio) filter (where spell_days <= 30) as repeated_ratio_to_30,
        max(repeated_ratio) filter (where spell_days <= 60) as repeated_ratio_to_60,
        max(repeated_ratio) filter (where spell_days <= 90) as repeated_ratio_to_90,
        max(spell_days) as watched_days
    from curves
    group by category_id
),

repeats as (
    select
        category_id,
        person_id,
        count(next_date) as n_repeats
    from spells
    group by category_id, person_id
),

customers as (
    select
        category_id,
        count(*) as n_customers,
        count(*) filter (where n_repeats > 0) as n_repeat_customers,
        sum(n_repeats) as n_repeats
    from repeats
    group by category_id
),

observed as (
    select
        category_id,
        count(*) as n_purchase_days,
        median(spell_days) filter (where next_date is not null) as observed_median_gap_days
    from spells
    group by category_id
)

select
    customers.category_id,
    customers.n_customers,
    customers.n_repeat_customers,
    customers.n_repeat_customers / customers.n_customers as repeat_customer_ratio,
    observed.n_purchase_days,
    cast(customers.n_repeats as bigint) as n_repeats,
    shares.median_gap_days,
    observed.observed_median_gap_days,
    case when shares.watched_days >= 30 then coalesce(shares.repeated_ratio_to_30, 0) end as repeated_ratio_30_days,
    case when shares.watched_days >= 60 then coalesce(shares.repeated_ratio_to_60, 0) end as repeated_ratio_60_days,
    case when shares.watched_days >= 90 then coalesce(shares.repeated_ratio_to_90, 0) end as repeated_ratio_90_days
from customers
inner join shares on customers.category_id = shares.category_id
inner join observed on customers.category_id = observed.category_id
