select
    'PR-' || lpad(cast(weeks.day_number // 14 as varchar), 3, '0') as promotion_id,
    skus.sku,
    'Offers of the fortnight ' || weeks.day_number // 14 as name,
    weeks.day as start_date,
    weeks.day + 6 as end_date,
    0.2 as discount_ratio,
    cast(weeks.day - 10 as timestamptz) as announced_at
from days as weeks
inner join skus on is_promoted(skus.sku_number, weeks.day_number)
where weeks.day_number % 14 = 0
