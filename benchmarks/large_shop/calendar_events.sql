select
    'DE-' || strftime(day, '%Y%m%d') as calendar_event_id,
    day as event_date,
    'DE' as country,
    case month(day) when 11 then 'Shopping week' else 'Public holiday' end as name,
    case month(day) when 11 then 'shopping_festival' else 'public_holiday' end as kind,
    timestamptz '{first_day}' - interval 60 day as announced_at
from days
where (month(day), day(day)) in ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26), (11, 25), (11, 28))
