-- A day with an order traded. A day without one traded only if it is no announced closure and its weekday usually sells so
-- little that an empty day is plausible: at a mean of 7 orders on that weekday over the 8 weeks before, chance explains an
-- empty day once in 1,100; at a mean of 0 (no Saturday ever traded) the shop is closed on that weekday.
with

orders_by_day as (
    select
        ordered_date,
        count(*) as n_orders
    from {{ ref('int_orders_converted') }}
    group by ordered_date
),

closures as (
    select distinct event_date  -- two closures may fall on one day
    from {{ ref('stg_shop__calendar_events') }}
    where kind = 'closure' and country = coalesce({{ shop_setting('home_country') }}, country)
),

days as (
    select cast(unnest(generate_series(min(ordered_date), {{ shop_setting('as_of') }}, interval 1 day)) as date) as calendar_date
    from orders_by_day
),

counted as (
    select
        days.calendar_date,
        coalesce(orders_by_day.n_orders, 0) as n_orders,
        closures.event_date is not null as is_closure,
        avg(coalesce(orders_by_day.n_orders, 0)) over (
            partition by dayofweek(days.calendar_date)
            order by days.calendar_date
            rows between 8 preceding and 1 preceding
        ) as n_orders_usual
    from days
    left join orders_by_day on days.calendar_date = orders_by_day.ordered_date
    left join closures on days.calendar_date = closures.event_date
)

select
    calendar_date,
    n_orders,
    is_closure,
    coalesce(n_orders_usual, 0) as n_orders_usual,
    n_orders > 0 or (not is_closure and coalesce(n_orders_usual, 0) > 0 and n_orders_usual < 7) as is_trading_day
from counted
