-- Tracking of the last tracked_days: the visit of every web order, and four more in which nothing was bought.
create or replace temp table month_visits as
with visits as (
    select
        orders.*,
        unnest(range(0, 5)) as visit,
        orders.order_number * 8 + visit as visit_number
    from month_orders as orders
    where orders.channel = 'web' and orders.day > date '{last_day}' - {tracked_days}
)

select
    visit_number,
    secret('visit ' || visit_number) as session_id,
    case when visit = 0 then order_id end as order_id,
    case when visit = 0 then order_number end as order_number,
    case when visit = 0 or draw(visit_number, 70) < 0.25 then customer_id end as customer_id,
    case
        when visit = 0 or draw(visit_number, 71) < 0.4 then 'v' || coalesce('c' || customer_number, 'o' || order_number)
        else 'v' || visit_number
    end as visitor_id,
    case
        when visit = 0 then ordered_at - to_seconds(20 * 24)
        else cast(day as timestamptz) + to_seconds(cast(75000 * draw(visit_number, 72) as bigint))
    end as started_at,
    1 + cast(floor(8 * draw(visit_number, 73)) as bigint) as n_actions,
    pick(visit_number, 74, ['desktop', 'mobile', 'mobile', 'tablet', 'app']) as device_type,
    shipping_country as country,
    pick(visit_number, 75, ['direct', 'organic', 'organic', 'paid_search', 'social', 'email']) as channel,
    day_number
from visits;

create or replace temp table month_actions as
with browsed as (
    select
        visits.*,
        unnest(range(1, visits.n_actions + 1)) as step,
        pick(visits.visit_number * 16 + step, 80, [
            'view', 'view', 'view', 'view', 'view', 'view', 'search', 'add_to_cart', 'favourite'
        ]) as event_type,
        cast(floor({skus} * 0.7 * pow(draw(visits.visit_number * 16 + step, 81), 2.5)) as bigint) as sku_number,
        1 as units
    from month_visits as visits
    where visits.order_id is null
),

bought as (
    select
        visits.*,
        unnest([3 * lines.line_number - 2, 3 * lines.line_number - 1, 3 * lines.line_number]) as step,
        unnest(['view', 'add_to_cart', 'purchase']) as event_type,
        lines.sku_number,
        lines.units
    from month_visits as visits
    inner join month_lines as lines on visits.order_id = lines.order_id
)

select
    *,
    'E' || visit_number || '-' || step as event_id,
    started_at + to_seconds(20 * step) as occurred_at,
    case when event_type <> 'search' then 'SKU-' || lpad(cast(sku_number as varchar), 6, '0') end as sku
from (select * from browsed union all select * from bought);
