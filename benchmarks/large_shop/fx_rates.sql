select
    days.day as rate_date,
    'EUR' as base_currency,
    currencies.currency as quote_currency,
    round(rate_of(currencies.currency) * (0.97 + 0.06 * draw(days.day_number // 5, currencies.currency)), 6) as rate
from (
    -- the first orders may fall on a weekend
    select day_number, date '{first_day}' + cast(day_number as integer) as day from range(-7, {days}) as numbers (day_number)
) as days
cross join (values ('GBP'), ('USD')) as currencies (currency)
where dayofweek(days.day) between 1 and 5
