-- What every dialect may use. A value that cannot be read stays as it is told, so that acceptance shows it.

-- A JSON array as a list; empty where there is none.
create or replace temp macro elements(j) as coalesce(from_json(j, '["json"]'), []);

-- A local time of the named zone as UTC; a time that names its own zone keeps it. Some sources write no time as year 0 or 1.
create or replace temp macro in_zone(told, zone) as case
    when trim(told) = '' or starts_with(told, '0001-01-01') or starts_with(told, '0000-00-00') then null
    when regexp_matches(trim(told), '([zZ]|[+-][0-9]{2}:?[0-9]{2})$') and contains(told, ':')
        then coalesce(try_cast(regexp_replace(trim(told), '([+-][0-9]{2})([0-9]{2})$', '\1:\2') as timestamptz)::varchar, told)
    else coalesce((try_cast(told as timestamp) at time zone zone)::varchar, told)
end;

-- A local time of the zone that the dialect's setting source_zone names.
create or replace temp macro local(told) as in_zone(told, getvariable('source_zone'));

-- 20170913231719000-0700 as UTC.
create or replace temp macro compact_time(told) as
    coalesce(try_strptime(told, '%Y%m%d%H%M%S%g%z')::varchar, told);

-- Hundredths of the currency's unit as an amount.
create or replace temp macro hundredths(told) as
    coalesce((try_cast(told as decimal(18, 0)) / 100)::decimal(18, 2)::varchar, told);

-- An amount for sums; NULL where it cannot be read.
create or replace temp macro amount(told) as try_cast(told as decimal(18, 2));

-- The country, China where none is told.
create or replace temp macro in_china(told) as if(coalesce(told, '') in ('', '中国'), 'CN', upper(told));

-- What a told status means here; an unknown one stays as told, so that the contract's allowed values refuse it.
create or replace temp macro meaning(told, means) as coalesce(means, told);

-- Sum of a field over the objects of a JSON array, and of unit price times units.
create or replace temp macro sum_of(j, key) as list_sum(list_transform(elements(j), lambda x: amount(x ->> key)));
create or replace temp macro sum_of_products(j, price, units) as list_sum(
    list_transform(elements(j), lambda x: amount(x ->> price) * try_cast(try_cast(x ->> units as double) as bigint))
);

-- Position of the first object of a list whose field has the value, from 1; NULL where none has.
create or replace temp macro position_of(list, key, value) as list_position(list_transform(list, lambda x: x ->> key), value);

-- A local time of the shop, written in a stated format, as UTC; and the day of such a time.
create or replace temp macro in_format(told, form) as
    coalesce((try_strptime(told, form) at time zone getvariable('time_zone'))::varchar, told);
create or replace temp macro day_in_format(told, form) as coalesce(try_strptime(told, form)::date::varchar, told);

-- 1.234,50 as 1234.50, and an amount with its currency sign and either mark (¥1,234.50, 12,50 €).
create or replace temp macro decimal_comma(told) as replace(replace(told, '.', ''), ',', '.');
create or replace temp macro money(told) as case
    when regexp_matches(told, ',[0-9]{1,2}[^0-9]*$') then decimal_comma(regexp_replace(told, '[^0-9.,+-]', '', 'g'))
    else regexp_replace(told, '[^0-9.+-]', '', 'g')
end;
