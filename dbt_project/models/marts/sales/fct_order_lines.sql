-- The contract of this table names its columns and their order. The lines of an order in another currency are converted on the
-- running total, so that in the shop's currency too they add up to their order, to the cent.
-- Only few columns of few lines are sorted for it, and the price is found without sorting any: lines are the longest table.
with

lines as (select * from {{ ref('int_order_lines_converted') }}),

prices as (select * from {{ ref('dim_price_versions') }}),

listed as (
    select distinct  -- a price list has many prices of a SKU in one currency
        sku,
        currency
    from prices
),

converted_shares as (
    select
        order_id,
        line_number,
        {{ converted_share('gross_amount', 'exchange_rate', 'lines_so_far') }} as shop_gross_amount,
        {{ converted_share('discount_amount', 'exchange_rate', 'lines_so_far') }} as shop_discount_amount,
        {{ converted_share('refund_amount', 'exchange_rate', 'lines_so_far') }} as shop_refund_amount
    from {{ ref('int_order_lines_converted') }}
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
        lines.*,
        case when lines.currency = lines.shop_currency then lines.gross_amount else shares.shop_gross_amount end
            as shop_gross_amount,
        case when lines.currency = lines.shop_currency then lines.discount_amount else shares.shop_discount_amount end
            as shop_discount_amount,
        case when lines.currency = lines.shop_currency then lines.refund_amount else shares.shop_refund_amount end
            as shop_refund_amount,
        listed.sku is not null as is_listed_in_currency,
        case when listed.sku is not null then lines.currency else lines.shop_currency end as price_currency
    from lines
    left join converted_shares as shares on lines.order_id = shares.order_id and lines.line_number = shares.line_number
    left join listed on lines.sku = listed.sku and lines.currency = listed.currency
),

{{ prices_by_month(
    ['sku', 'currency'],
    'valid_from',
    last='(select max(lines.ordered_at) from ' ~ ref('int_order_lines_converted') ~ ' as lines)',
    never="timestamp '9999-12-31'"
) }},

priced as (
    select
        to_price.*,
        prices.valid_from as price_valid_from,
        {{ price_in_currency('prices.price_amount') }} as valid_price_amount,
        {{ price_in_currency('coalesce(prices.list_price_amount, prices.price_amount)') }} as valid_list_price_amount
    from to_price
    left join prices_by_month as prices
        on
            to_price.sku = prices.sku
            and to_price.price_currency = prices.currency
            and date_trunc('month', to_price.ordered_at) = prices.held_month
            and to_price.ordered_at >= prices.valid_from
            and to_price.ordered_at < prices.held_until
)

select
    * exclude (is_listed_in_currency, price_currency),
    cast(gross_amount - discount_amount - refund_amount as decimal(18, 2)) as net_amount,
    cast(shop_gross_amount - shop_discount_amount - shop_refund_amount as decimal(18, 2)) as shop_net_amount,
    cast(units * valid_list_price_amount - (gross_amount - discount_amount) as decimal(18, 2)) as below_list_amount
from priced
