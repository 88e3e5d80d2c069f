select
    skus.sku,
    currencies.currency,
    cast(date '{first_day}' as timestamptz)
    + to_days(cast(90 * periods.period - cast(draw(skus.sku_number, 2) * 90 as bigint) as integer)) as valid_from,
    price_in_period(skus.sku_number, periods.period, currencies.currency) as price_amount,
    price_in_period(skus.sku_number, periods.period, currencies.currency) as list_price_amount
from skus
cross join (values ('EUR'), ('GBP'), ('USD')) as currencies (currency)
cross join range({days} // 90 + 2) as periods (period)
where valid_from < timestamptz '{known_until}'
