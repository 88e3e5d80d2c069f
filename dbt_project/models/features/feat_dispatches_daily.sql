with

shipments as (select * from {{ ref('fct_shipments') }})

select
    location_id,
    dispatched_date as dispatch_date,
    count(distinct order_id) as n_orders
from shipments
where dispatched_date is not null
group by location_id, dispatched_date
