-- A rate holds from its day until the next one, for at most seven days: markets close at weekends, but a feed that
-- stopped must not go on converting for ever.
with

fx_rates as (select * from {{ ref('stg_shop__fx_rates') }}),

quoted as (
    select
        base_currency as currency,
        rate_date,
        cast(rate as decimal(18, 10)) as exchange_rate,
        1 as preference
    from fx_rates
    where quote_currency = {{ shop_setting('currency') }} and base_currency <> quote_currency and rate > 0
    union all
    select
        quote_currency as currency,
        rate_date,
        cast(1 / rate as decimal(18, 10)) as exchange_rate,
        2 as preference
    from fx_rates
    where base_currency = {{ shop_setting('currency') }} and base_currency <> quote_currency and rate > 0
),

one_a_day as (
    select * from quoted
    qualify row_number() over (partition by currency, rate_date order by preference) = 1
),

valid as (
    select
        currency,
        rate_date,
        exchange_rate,
        least(
            coalesce(lead(rate_date) over (partition by currency order by rate_date) - 1, {{ shop_setting('as_of') }}),
            rate_date + 7,
            {{ shop_setting('as_of') }}
        ) as last_valid_date
    from one_a_day
)

select
    currency,
    cast(unnest(generate_series(rate_date, last_valid_date, interval 1 day)) as date) as valid_date,
    rate_date,
    exchange_rate
from valid
