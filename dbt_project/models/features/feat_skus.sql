with

products as (select * from {{ ref('dim_products') }}),

-- a shop that has neither catalogue nor orders still shows SKUs to its visitors
viewed as (
    select distinct sku  -- one row for each SKU, however often it was seen
    from {{ ref('stg_shop__events') }}
    where sku is not null and not exists (select 1 from {{ ref('dim_products') }})
),

skus as (
    select sku from products
    union all
    select sku from viewed
),

revenue as (
    select
        sku,
        sum(demand_amount) as demand_amount
    from {{ ref('int_demand_by_day') }}
    where demand_date > {{ shop_setting('as_of') }} - 90
    group by sku
),

last_paid as (
    select
        sku,
        arg_max(demand_amount / rated_units, demand_date) as price_amount
    from {{ ref('int_demand_by_day') }}
    where rated_units > 0
    group by sku
),

stock as (
    select
        sku,
        bool_or(is_in_stock and (not is_stock_known or on_hand_units > 0)) as is_in_stock
    from {{ ref('int_stock_positions') }}
    where stock_date is not null
    group by sku
)

select
    skus.sku,
    products.product_id,
    coalesce(products.title, skus.sku) as title,
    products.title_en,
    products.title_zh,
    products.brand,
    products.category_id,
    products.category_path,
    products.supplier_id,
    cast(products.unit_cost_amount as double) as unit_cost_amount,
    cast(coalesce(products.price_amount, last_paid.price_amount, products.list_price_amount) as double) as price_amount,
    {{ shop_setting('currency') }} as currency,
    products.launched_date,
    products.retired_date,
    products.first_sold_date,
    products.last_sold_date,
    coalesce(cast(revenue.demand_amount as double), 0) as revenue_amount,
    coalesce(products.is_active, true) as is_active,
    coalesce(stock.is_in_stock, true) as is_in_stock
from skus
left join products on skus.sku = products.sku
left join revenue on skus.sku = revenue.sku
left join last_paid on skus.sku = last_paid.sku
left join stock on skus.sku = stock.sku
