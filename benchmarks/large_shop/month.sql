-- The orders of one month and their lines; what happens after known_until has not happened.
create or replace temp table month_orders as
with numbered as (
    select
        day_number,
        day,
        unnest(range(first_order, last_order)) as order_number
    from days
    where strftime(day, '%Y-%m') = '{month}'
),

shopped as (
    select
        *,
        'O' || lpad(cast(order_number as varchar), 9, '0') as order_id,
        case
            when draw(order_number, 10) < 0.8
                then cast(floor(pow(draw(order_number, 11), 1.6) * {customers} * (0.3 + 0.7 * day_number / {days})) as bigint)
        end as customer_number,
        cast(day as timestamptz) + to_seconds(cast(
            21600 + 64800 * (draw(order_number, 12) + draw(order_number, 13)) / 2 as bigint
        )) as ordered_at,
        pick(order_number, 14, [1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6]) as n_lines,
        pick(order_number, 15, ['express', 'standard', 'standard', 'standard', 'standard', 'economy', 'economy', 'pickup'])
            as shipping_method,
        pick(order_number, 16, ['card', 'card', 'card', 'paypal', 'paypal', 'bank_transfer', 'alipay']) as payment_method,
        pick(order_number, 17, ['web', 'web', 'web', 'web', 'web', 'web', 'web', 'app', 'app', 'marketplace']) as channel,
        draw(order_number, 18) as fate,
        draw(order_number, 19) as pace
    from numbered
),

placed as (
    select
        *,
        country_of(coalesce(customer_number, -order_number)) as shipping_country,
        case shipping_country when 'GB' then 'GBP' when 'US' then 'USD' else 'EUR' end as currency,
        case when shipping_country = 'GB' then 'WH-UK' else 'WH-EU' end as location_id,
        case when customer_number is not null then 'C' || lpad(cast(customer_number as varchar), 8, '0') end as customer_id,
        -- three in a hundred are cancelled, a third of them because they were never paid
        case
            when fate < 0.01 then ordered_at + interval 70 hour
            when fate < 0.03 then ordered_at + to_seconds(cast(3600 + 72000 * pace as bigint))
        end as cancelled_at,
        case
            when fate >= 0.01 then ordered_at + to_seconds(cast(
                case when payment_method = 'bank_transfer' then 3600 + 170000 * pace else 5 + 60 * pace end as bigint
            ))
        end as due_paid_at
    from shopped
    where ordered_at < timestamptz '{known_until}'
),

worked as (
    select
        *,
        case when due_paid_at < coalesce(cancelled_at, timestamptz '{known_until}') then due_paid_at end as paid_at,
        case
            when cancelled_at is null
                then due_paid_at + to_seconds(cast(14400 + 120000 * draw(order_number, 20) + 400000 * pow(pace, 20) as bigint))
        end as packed_at,
        packed_at + to_seconds(cast(1800 + 7200 * draw(order_number, 21) as bigint)) as dispatched_at,
        case
            when draw(order_number, 22) >= 0.002 then dispatched_at + to_seconds(cast(86400 * (
                case shipping_method when 'express' then 1 when 'standard' then 2 when 'economy' then 4 else 0.5 end
                * (1 + 1.2 * draw(order_number, 23))
            ) as bigint))
        end as delivered_at,
        case
            when draw(order_number, 24) < 0.06
                then delivered_at + to_seconds(cast(86400 * (5 + 15 * draw(order_number, 25)) as bigint))
        end as returned_at
    from placed
)

select
    * replace (
        case when cancelled_at < timestamptz '{known_until}' then cancelled_at end as cancelled_at,
        case when packed_at < timestamptz '{known_until}' then packed_at end as packed_at,
        case when dispatched_at < timestamptz '{known_until}' then dispatched_at end as dispatched_at,
        case when delivered_at < timestamptz '{known_until}' then delivered_at end as delivered_at,
        case when returned_at < timestamptz '{known_until}' then returned_at end as returned_at
    )
from worked;

create or replace temp table month_lines as
with picked as (
    select
        orders.order_number,
        orders.order_id,
        orders.customer_id,
        orders.day_number,
        orders.ordered_at,
        orders.currency,
        unnest(range(1, orders.n_lines + 1)) as line_number,
        orders.order_number * 16 + line_number as line_key,
        -- a long tail, of what is launched by then
        cast(floor(
            {skus} * (0.7 + 0.3 * orders.day_number / {days}) * pow(draw(line_key, 30), 2.5)
        ) as bigint) as sku_number
    from month_orders as orders
),

priced as (
    select
        *,
        'SKU-' || lpad(cast(sku_number as varchar), 6, '0') as sku,
        pick(line_key, 31, [1, 1, 1, 1, 1, 1, 2, 2, 3, 5]) as units,
        price_in_period(sku_number, price_period(sku_number, day_number), currency) as unit_price_amount,
        is_promoted(sku_number, day_number) as has_promotion
    from picked
)

select
    *,
    cast(units * unit_price_amount as decimal(18, 2)) as gross_amount,
    cast(case when has_promotion then round(units * unit_price_amount / 5, 2) else 0 end as decimal(18, 2)) as discount_amount
from priced;
