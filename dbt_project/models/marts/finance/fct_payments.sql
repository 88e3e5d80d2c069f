with

payments as (select * from {{ ref('stg_shop__payments') }}),

rates as (select * from {{ ref('int_exchange_rates_daily') }}),

rated as (
    select
        payments.*,
        {{ shop_setting('currency') }} as shop_currency,
        case
            when payments.currency = {{ shop_setting('currency') }} then cast(1 as decimal(18, 10))
            else rates.exchange_rate
        end as exchange_rate
    from payments
    left join rates on payments.currency = rates.currency and payments.paid_date = rates.valid_date
)

select
    payment_id,
    order_id,
    payment_method,
    payment_status,
    payment_status = 'captured' as is_captured,
    failure_code,
    paid_at,
    paid_date,
    amount,
    coalesce(fee_amount, 0) as fee_amount,
    currency,
    exchange_rate,
    {{ converted('amount', 'exchange_rate') }} as shop_amount,
    {{ converted('coalesce(fee_amount, 0)', 'exchange_rate') }} as shop_fee_amount,
    shop_currency
from rated
