{{ config(meta={'dagster': {'ref': {'name': 'feat_skus_daily'}}}) }}
-- a failing row is a series with a hole, or one that ends before the demand period of as_of
select
    sku,
    location_id,
    count(*) as n_periods,
    min(demand_date) as first_date,
    max(demand_date) as last_date
from {{ ref('feat_skus_daily') }}
group by all
having
    count(*) <> (max(demand_date) - min(demand_date)) / {{ shop_setting('demand_period_days') }} + 1
    or max(demand_date) <= {{ shop_setting('as_of') }} - {{ shop_setting('demand_period_days') }}
