-- What the shop is made of before a single order: days with their share of the orders, SKUs, where they are stocked.
-- Every draw is a hash of what it belongs to, a salt and the seed, so rows do not depend on threads or on each other.
create macro draw(thing, salt) as (hash(thing, salt, {seed}) % 1000000) / 1e6;
create macro pick(thing, salt, choices) as choices[1 + cast(floor(draw(thing, salt) * len(choices)) as integer)];
create macro secret(word) as sha256('{seed} ' || word);
create macro rate_of(currency) as case currency when 'GBP' then 0.85 when 'USD' then 1.08 else 1.0 end;

create macro country_of(customer) as
    case when draw(customer, 1) < 0.5 then 'DE' when draw(customer, 1) < 0.7 then 'FR' when draw(customer, 1) < 0.9 then 'GB' else 'US' end;

-- a price holds for a quarter, which begins on another day for each SKU
create macro price_period(sku_number, day_number) as (day_number + cast(draw(sku_number, 2) * 90 as bigint)) // 90;
create macro price_in_period(sku_number, period, currency) as cast(
    ceil(exp(1.2 + 2.6 * draw(sku_number, 3)) * (0.9 + 0.2 * draw(sku_number * 64 + period, 4)) * rate_of(currency)) - 0.01
    as decimal(18, 2)
);

-- every fortnight a twenty-fifth of the catalogue is a fifth cheaper for a week
create macro is_promoted(sku_number, day_number) as
    day_number % 14 < 7 and hash(sku_number, day_number // 14, {seed}) % 25 = 0;

create table days as
with weighted as (
    select
        day_number,
        date '{first_day}' + cast(day_number as integer) as day,
        (1 + 0.25 * day_number / 365)
        * [1.15, 1.05, 0.95, 0.95, 0.95, 0.95, 1.0][1 + dayofweek(day)]
        * (1 + 0.12 * sin(2 * pi() * (dayofyear(day) - 80) / 365))
        * case
            when month(day) = 11 and day(day) between 20 and 30 then 2.2
            when month(day) = 12 and day(day) < 20 then 1.5
            else 1
        end
        * (0.85 + 0.3 * draw(day_number, 5)) as weight
    from range({days}) as numbers (day_number)
),

summed as (
    select
        day_number,
        day,
        cast(round({orders} * sum(weight) over (order by day_number) / sum(weight) over ()) as bigint) as last_order
    from weighted
)

select
    day_number,
    day,
    coalesce(lag(last_order) over (order by day_number), 0) as first_order,
    last_order
from summed;

create table skus as
select
    sku_number,
    'SKU-' || lpad(cast(sku_number as varchar), 6, '0') as sku,
    -- the first seven tenths of the catalogue were there from the start
    cast(floor(greatest(0, (sku_number / {skus} - 0.7) / 0.3 * {days})) as bigint) as launched_day,
    'SUP-' || lpad(cast(1 + hash(sku_number, 6, {seed}) % 40 as varchar), 2, '0') as supplier_id,
    1 + hash(sku_number, 7, {seed}) % 60 as category_number,
    cast(0.55 * price_in_period(sku_number, 0, 'EUR') as decimal(18, 2)) as unit_cost_amount
from range({skus}) as numbers (sku_number);

create table sku_locations as
select
    skus.*,
    locations.location_id,
    21 + cast(draw(sku_number, location_id) * 40 as bigint) as cycle_days,
    cast(draw(sku_number, location_id || ' phase') * 40 as bigint) as phase_days,
    4 + cast(400 * pow(1 - sku_number / {skus}, 6) as bigint) as full_units,
    3 + cast(hash(supplier_id, {seed}) % 12 as bigint) as lead_days
from skus
cross join (values ('WH-EU'), ('WH-UK')) as locations (location_id)
where location_id = 'WH-EU' or draw(sku_number, 8) < 0.5;
