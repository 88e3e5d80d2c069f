with

promotions as (select * from {{ ref('int_promotions_daily') }})

select
    sku,
    promotion_date as demand_date,
    true as is_on_promotion,
    discount_ratio
from promotions
where promotion_date > {{ shop_setting('as_of') }}
