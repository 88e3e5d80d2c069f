-- Awareness, interest, purchase, loyalty, as of as_of and 30 days before:
--   loyalty     bought on two days of the last 365
--   purchase    bought on one day of the last 365
--   interest    in the last 30 days filled a cart, marked or shared something, or came on two days
--   awareness   came in the last 30 days
--   lapsed      none of these any more;  none  not seen yet
-- Purchases are orders that were not cancelled, and purchase actions whose order no orders feed knows.
{%- set attention_days, purchase_days = 30, 365 %}
with

sessions as (
    select * from {{ ref('fct_sessions') }}
    where not starts_with(shopper_id, 'session ')
),

orders as (select * from {{ ref('fct_orders') }}),

purchases as (
    select
        attributions.shopper_id,
        attributions.ordered_date as activity_date
    from {{ ref('fct_order_attributions') }} as attributions
    inner join orders on attributions.order_id = orders.order_id
    where not orders.is_cancelled and not starts_with(attributions.shopper_id, 'order ')
    union
    select
        sessions.shopper_id,
        sessions.session_date as activity_date
    from sessions
    left join orders on sessions.order_id = orders.order_id
    where sessions.has_purchase and orders.order_id is null
),

activities as (
    select
        shopper_id,
        session_date as activity_date,
        true as is_visit,
        has_cart or n_favourites > 0 or n_shares > 0 as is_interest,
        false as is_purchase
    from sessions
    union all
    select
        shopper_id,
        activity_date,
        false as is_visit,
        false as is_interest,
        true as is_purchase
    from purchases
),

days as (
    select
        shopper_id,
        activity_date,
        bool_or(is_visit) as is_visit,
        bool_or(is_interest) as is_interest,
        bool_or(is_purchase) as is_purchase
    from activities
    group by shopper_id, activity_date
),

spaced as (
    select
        *,
        activity_date - lag(activity_date) over (partition by shopper_id, is_visit order by activity_date) as visit_gap,
        activity_date - lag(activity_date) over (partition by shopper_id, is_purchase order by activity_date) as purchase_gap,
        is_visit and visit_gap < {{ attention_days }} as is_second_visit,
        is_purchase and purchase_gap < {{ purchase_days }} as is_second_purchase
    from days
),

reached as (
    select
        shopper_id,
        min(activity_date) filter (where is_visit) as first_aware_date,
        min(activity_date) filter (where is_interest or is_second_visit) as first_interested_date,
        min(activity_date) filter (where is_purchase) as first_purchased_date,
        min(activity_date) filter (where is_second_purchase) as first_loyal_date
    from spaced
    group by shopper_id
),

moments as (
    select unnest([{{ shop_setting('as_of') }}, {{ shop_setting('as_of') }} - {{ attention_days }}]) as moment
),

staged as (
    select
        days.shopper_id,
        moments.moment = {{ shop_setting('as_of') }} as is_now,
        count(*) filter (where days.is_purchase and days.activity_date > moments.moment - {{ purchase_days }}) as n_purchase_days,
        count(*) filter (where days.is_visit and days.activity_date > moments.moment - {{ attention_days }}) as n_visit_days,
        count(*) filter (where days.is_interest and days.activity_date > moments.moment - {{ attention_days }}) as n_interest_days,
        case
            when n_purchase_days >= 2 then 'loyalty'
            when n_purchase_days = 1 then 'purchase'
            when n_interest_days >= 1 or n_visit_days >= 2 then 'interest'
            when n_visit_days = 1 then 'awareness'
            else 'lapsed'
        end as stage
    from days
    inner join moments on days.activity_date <= moments.moment
    group by days.shopper_id, moments.moment
)

select
    reached.shopper_id,
    starts_with(reached.shopper_id, 'visitor ') as is_anonymous,
    staged_now.stage,
    coalesce(staged_before.stage, 'none') as stage_30_days_before,
    reached.first_aware_date,
    reached.first_interested_date,
    reached.first_purchased_date,
    reached.first_loyal_date
from reached
inner join staged as staged_now on reached.shopper_id = staged_now.shopper_id and staged_now.is_now
left join staged as staged_before on reached.shopper_id = staged_before.shopper_id and not staged_before.is_now
