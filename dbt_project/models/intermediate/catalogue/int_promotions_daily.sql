-- A promotion that runs on is of no use to a forecast beyond the next sixty days.
with

promotions as (select * from {{ ref('stg_shop__promotions') }}),

days as (
    select
        sku,
        discount_ratio,
        cast(unnest(generate_series(
            start_date,
            least(end_date, {{ shop_setting('as_of') }} + 60),
            interval 1 day
        )) as date) as promotion_date
    from promotions
)

select
    sku,
    promotion_date,
    max(discount_ratio) as discount_ratio,
    count(*) as n_promotions
from days
group by sku, promotion_date
