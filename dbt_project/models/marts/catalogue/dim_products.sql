-- What was sold but is missing from the catalogue is listed too, so that every product line finds its SKU here.
with

products as (select * from {{ ref('stg_shop__products') }}),

suppliers as (select * from {{ ref('stg_shop__suppliers') }}),

prices as (
    select * from {{ ref('stg_shop__prices') }}
    where currency = {{ shop_setting('currency') }}
    qualify row_number() over (partition by sku order by valid_from desc) = 1
),

sold as (
    select
        lines.sku,
        arg_max(lines.title, (lines.ordered_at, lines.order_id, lines.line_number)) as title,
        min(lines.ordered_date) filter (where lines.demand_units > 0) as first_sold_date,
        max(lines.ordered_date) filter (where lines.demand_units > 0) as last_sold_date
    from {{ ref('int_order_lines_netted') }} as lines
    where lines.line_kind = 'product'
    group by lines.sku
),

rates as (
    select * from {{ ref('int_exchange_rates_daily') }}
    where valid_date = {{ shop_setting('as_of') }}
),

rated as (
    select
        products.*,
        case
            when products.currency = {{ shop_setting('currency') }} then cast(1 as decimal(18, 10))
            else rates.exchange_rate
        end as exchange_rate
    from products
    left join rates on products.currency = rates.currency
)

select
    coalesce(rated.sku, sold.sku) as sku,
    rated.product_id,
    coalesce(rated.title, sold.title, sold.sku) as title,
    rated.title_en,
    rated.title_zh,
    rated.brand,
    rated.category_id,
    rated.category_path,
    rated.supplier_id,
    suppliers.name as supplier_name,
    {{ converted('rated.unit_cost_amount', 'rated.exchange_rate') }} as unit_cost_amount,
    coalesce(
        prices.list_price_amount,
        {{ converted('rated.list_price_amount', 'rated.exchange_rate') }},
        prices.price_amount
    ) as list_price_amount,
    prices.price_amount,
    {{ shop_setting('currency') }} as currency,
    rated.launched_date,
    rated.retired_date,
    sold.first_sold_date,
    sold.last_sold_date,
    rated.weight_kg,
    coalesce(rated.is_perishable, false) as is_perishable,
    rated.shelf_life_days,
    rated.sku is not null as is_in_catalogue,
    coalesce(rated.launched_date <= {{ shop_setting('as_of') }}, true)
    and coalesce(rated.retired_date > {{ shop_setting('as_of') }}, true)
    -- without launch and retirement dates, half a year without a sale means the shop has dropped the SKU
    and (
        rated.launched_date is not null
        or rated.retired_date is not null
        or sold.last_sold_date is null
        or sold.last_sold_date > {{ shop_setting('as_of') }} - 180
    ) as is_active
from rated
full outer join sold on rated.sku = sold.sku
left join prices on coalesce(rated.sku, sold.sku) = prices.sku
left join suppliers on rated.supplier_id = suppliers.supplier_id
