with

orders as (select * from {{ ref('stg_shop__orders') }}),

rates as (select * from {{ ref('int_exchange_rates_daily') }}),

settings as (select * from {{ source('control', 'shop_settings') }}),

rated as (
    select
        orders.*,
        settings.currency as shop_currency,
        coalesce(orders.location_id, settings.default_location, 'main') as fulfilling_location_id,
        case
            when orders.currency = settings.currency then cast(1 as decimal(18, 10))
            else rates.exchange_rate
        end as exchange_rate
    from orders
    cross join settings
    left join rates
        on orders.currency = rates.currency and orders.ordered_date = rates.valid_date
)

select
    order_id,
    customer_id,
    visitor_id,
    ordered_at,
    ordered_date,
    order_status,
    order_status = 'cancelled' as is_cancelled,
    channel,
    fulfilling_location_id as location_id,
    shipping_method,
    shipping_country,
    coupon_code,
    payment_method,
    promised_dispatch_at,
    promised_delivery_date,
    gross_amount,
    coalesce(discount_amount, 0) as discount_amount,
    coalesce(shipping_amount, 0) as shipping_amount,
    coalesce(tax_amount, 0) as tax_amount,
    total_amount,
    case total_amount
        when gross_amount - coalesce(discount_amount, 0) + coalesce(shipping_amount, 0) then true
        when gross_amount - coalesce(discount_amount, 0) + coalesce(shipping_amount, 0) + coalesce(tax_amount, 0) then false
    end as is_tax_included,
    currency,
    shop_currency,
    exchange_rate,
    exchange_rate is null as is_rate_missing
from rated
