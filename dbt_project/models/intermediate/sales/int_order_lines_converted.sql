{{ config(materialized='view') }}  -- its rows are stored once, as fct_order_lines
with

lines as (select * from {{ ref('int_order_lines_netted') }}),

rates as (select * from {{ ref('int_exchange_rates_daily') }}),

rated as (
    select
        lines.*,
        {{ shop_setting('currency') }} as shop_currency,
        case
            when lines.currency = {{ shop_setting('currency') }} then cast(1 as decimal(18, 10))
            else rates.exchange_rate
        end as exchange_rate
    from lines
    left join rates on lines.currency = rates.currency and lines.ordered_date = rates.valid_date
)

select
    *,
    exchange_rate is null as is_rate_missing,
    {{ converted('(gross_amount - discount_amount) * (demand_units / units)', 'exchange_rate') }} as shop_demand_amount
from rated
