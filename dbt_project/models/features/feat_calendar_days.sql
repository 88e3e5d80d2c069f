with

calendar_events as (select * from {{ ref('stg_shop__calendar_events') }})

select
    event_date as calendar_date,
    string_agg(distinct name, ' | ' order by name) as event_names,
    bool_or(kind = 'public_holiday') as is_public_holiday,
    bool_or(kind = 'shopping_festival') as is_shopping_festival,
    -- a supplier's country may close while the shop sells on
    bool_or(kind = 'closure' and country = coalesce({{ shop_setting('home_country') }}, country)) as is_closure
from calendar_events
group by event_date
