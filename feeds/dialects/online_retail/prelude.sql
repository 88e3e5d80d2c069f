-- Invoice lines with trimmed codes, numbers as numbers, London time as UTC and the kind of each line. The feeds select from it.
-- What cannot be read as a number or time is kept as text, so that acceptance shows it.
create temp view lines as
with

trimmed as (
    select
        _file_id, _line,
        trim(InvoiceNo) as invoice,
        -- The till writes the same code in both cases.
        upper(trim(StockCode)) as sku,
        trim(Description) as title,
        Quantity as units_text,
        try_cast(Quantity as bigint) as units,
        UnitPrice as price_text,
        try_cast(UnitPrice as double) as price,
        coalesce((try_cast(InvoiceDate as timestamp) at time zone getvariable('time_zone'))::varchar, InvoiceDate) as happened_at,
        regexp_replace(trim(CustomerID), '\.0+$', '') as customer_id,
        trim(Country) as country_name
    from source
)

select
    t.*,
    starts_with(invoice, 'C') as is_cancellation,
    coalesce(k.kind, if(starts_with(sku, 'GIFT_'), 'gift_voucher', 'product')) as line_kind,
    c.country,
    case
        when starts_with(invoice, 'C') then 'cancellation'
        when units <= 0 then 'stock_write_off'
        when price = 0 and customer_id is null then 'stock_correction_without_price'
    end as not_ordered
from trimmed t
left join line_kinds k on t.sku = k.code
left join countries c on t.country_name = c.name
