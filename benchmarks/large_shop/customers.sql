-- One in two hundred opened a second account with the same address; one in ten was changed once since.
with

people as (
    select
        customer_number,
        case when draw(customer_number, 90) < 0.005 then customer_number // 2 else customer_number end as person,
        cast(date '{first_day}' as timestamptz)
        + to_days(cast(greatest(-700 * draw(customer_number, 91), (customer_number / {customers} - 0.3) / 0.7 * {days}) as integer))
            as registered_at
    from range({customers}) as numbers (customer_number)
),

versions as (
    select
        *,
        registered_at as updated_at,
        draw(customer_number, 92) < 0.4 as is_marketing_allowed
    from people
    union all
    select
        *,
        greatest(registered_at, timestamptz '{connected_day}') + to_days(cast(300 * draw(customer_number, 93) as integer)) as updated_at,
        draw(customer_number, 92) >= 0.4 as is_marketing_allowed
    from people
    where draw(customer_number, 94) < 0.1
)

select
    'C' || lpad(cast(customer_number as varchar), 8, '0') as customer_id,
    registered_at,
    secret('name ' || person) as full_name,
    secret('address ' || person) as email,
    secret('telephone ' || customer_number) as phone,
    country_of(customer_number) as country,
    case country_of(customer_number) when 'DE' then 'de' when 'FR' then 'fr' else 'en' end as language,
    pick(customer_number, 95, ['regular', 'regular', 'regular', 'business']) as segment,
    is_marketing_allowed,
    updated_at
from versions
where updated_at < timestamptz '{known_until}'
