-- Recency, frequency and monetary value as quintiles, 5 the best. Ties: equal values have equal scores, that of the lowest of them;
-- score = 1 + floor(5 * customers strictly below / all customers). So nobody's score depends on the order of rows.
with

orders as (
    select
        coalesce(linked.person_id, orders.customer_id) as person_id,
        orders.customer_id,
        orders.ordered_date,
        coalesce(orders.shop_net_amount, 0) as shop_net_amount
    from {{ ref('fct_orders') }} as orders
    left join {{ ref('int_customers_linked') }} as linked on orders.customer_id = linked.customer_id
    where orders.customer_id is not null and not orders.is_cancelled
),

customers as (
    select
        person_id,
        count(distinct customer_id) as n_accounts,
        min(ordered_date) as first_order_date,
        max(ordered_date) as last_order_date,
        count(*) as n_orders,
        cast(sum(shop_net_amount) as decimal(18, 2)) as shop_net_amount
    from orders
    group by person_id
),

scored as (
    select
        *,
        count(*) over () as n_customers,
        rank() over (order by last_order_date) - 1 as n_less_recent,
        rank() over (order by n_orders) - 1 as n_less_frequent,
        rank() over (order by shop_net_amount) - 1 as n_less_valuable
    from customers
),

quintiles as (
    select
        *,
        1 + 5 * n_less_recent // n_customers as recency_score,
        1 + 5 * n_less_frequent // n_customers as frequency_score,
        1 + 5 * n_less_valuable // n_customers as monetary_score
    from scored
)

select
    person_id,
    n_accounts,
    first_order_date,
    last_order_date,
    date_diff('day', last_order_date, {{ shop_setting('as_of') }}) as recency_days,
    n_orders,
    shop_net_amount,
    {{ shop_setting('currency') }} as shop_currency,
    recency_score,
    frequency_score,
    monetary_score,
    case
        when recency_score >= 4 and frequency_score >= 4 then 'champion'
        when recency_score >= 4 and n_orders = 1 then 'new'
        when recency_score <= 2 and (frequency_score >= 4 or monetary_score >= 4) then 'at_risk'
        when recency_score <= 2 then 'lapsing'
        else 'regular'
    end as rfm_segment
from quintiles
