{{ config(meta={'dagster': {'ref': {'name': 'int_refunds_matched'}}}) }}
-- a failing row is a refund whose shares over its lines do not add up to it, or that was lost or doubled on the way
with

refunds as (
    select
        refund_id,
        refund_amount
    from {{ ref('stg_shop__refunds') }}
),

shares as (
    select
        refund_id,
        sum(refund_amount) as refund_amount
    from {{ ref('int_refunds_matched') }}
    group by refund_id
)

select
    refunds.refund_id,
    shares.refund_id as shared_refund_id,
    refunds.refund_amount,
    shares.refund_amount as shared_refund_amount
from refunds
full outer join shares on refunds.refund_id = shares.refund_id
where refunds.refund_amount is distinct from shares.refund_amount
