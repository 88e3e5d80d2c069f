-- The contract of this table names its columns and their order. The lines of an order in another currency are converted on the
-- running total, so that in the shop's currency too they add up to their order, to the cent.
with

lines as (select * from {{ ref('int_order_lines_converted') }}),

prices as (select * from {{ ref('dim_price_versions') }}),

listed as (
    select distinct  -- a price list has many prices of a SKU in one currency
        sku,
        currency
    from prices
),

in_both_currencies as (
    select
        *,
        gross_amount as shop_gross_amount,
        discount_amount as shop_discount_amount,
        refund_amount as shop_refund_amount
    from lines
    where currency = shop_currency
    union all
    select
        *,
        {{ converted_share('gross_amount', 'exchange_rate', 'lines_so_far') }} as shop_gross_amount,
        {{ converted_share('discount_amount', 'exchange_rate', 'lines_so_far') }} as shop_discount_amount,
        {{ converted_share('refund_amount', 'exchange_rate', 'lines_so_far') }} as shop_refund_amount
    from lines
    where currency <> shop_currency
    window lines_so_far as (
        partition by order_id, currency, ordered_date
        order by line_kind <> 'product', line_number  -- the order's gross amount is that of its product lines
        rows between unbounded preceding and current row
    )
),

-- the price list of the order's currency counts, or else that of the shop's, at the rate of the day
to_price as (
    select
        in_both_currencies.*,
        listed.sku is not null as is_listed_in_currency,
        case
            when listed.sku is not null then in_both_currencies.currency
            else in_both_currencies.shop_currency
        end as price_currency
    from in_both_currencies
    left join listed on in_both_currencies.sku = listed.sku and in_both_currencies.currency = listed.currency
),

priced as (
    select
        to_price.*,
        prices.valid_from as price_valid_from,
        {{ price_in_currency('prices.price_amount') }} as valid_price_amount,
        {{ price_in_currency('coalesce(prices.list_price_amount, prices.price_amount)') }} as valid_list_price_amount
    from to_price
    asof left join prices
        on
            to_price.sku = prices.sku
            and to_price.price_currency = prices.currency
            and to_price.ordered_at >= prices.valid_from
)

select
    * exclude (is_listed_in_currency, price_currency),
    cast(gross_amount - discount_amount - refund_amount as decimal(18, 2)) as net_amount,
    cast(shop_gross_amount - shop_discount_amount - shop_refund_amount as decimal(18, 2)) as shop_net_amount,
    cast(units * valid_list_price_amount - (gross_amount - discount_amount) as decimal(18, 2)) as below_list_amount
from priced
