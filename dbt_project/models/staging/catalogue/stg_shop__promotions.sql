with

source as (select * from {{ source('raw', 'promotions') }}),

known as (
    select * from source
    where coalesce(announced_at < {{ as_of_end() }}, start_date <= {{ shop_setting('as_of') }})
)

select
    promotion_id,
    sku,
    name,
    start_date,
    end_date,
    discount_ratio,
    {{ utc('announced_at') }} as announced_at
from known
