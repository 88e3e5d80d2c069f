with

payments as (select * from {{ ref('stg_shop__payments') }})

select
    order_id,
    count(*) as n_attempts,
    count(*) filter (where payment_status = 'failed') as n_failed_attempts,
    min(paid_at) filter (where payment_status in ('captured', 'refunded')) as paid_at,
    cast(coalesce(sum(amount) filter (where payment_status = 'captured'), 0) as decimal(18, 2)) as captured_amount,
    case
        when bool_or(payment_status = 'captured') then 'captured'
        else arg_max(payment_status, (paid_at, payment_id))
    end as payment_status
from payments
group by order_id
