with

demand as (
    select
        sku,
        location_id,
        {{ demand_period('demand_date') }} as demand_date,
        sum(demand_units) as demand_units,
        sum(n_orders) as n_orders,
        sum(demand_amount) as demand_amount,
        sum(rated_units) as rated_units
    from {{ ref('int_demand_by_day') }}
    where demand_units > 0
    group by all
),

trading as (
    select
        {{ demand_period('calendar_date') }} as demand_date,
        bool_or(is_trading_day) as is_trading_day
    from {{ ref('int_trading_days') }}
    group by all
),

stock_outs as (
    select distinct  -- a week is stocked out when one of its days was
        sku,
        location_id,
        {{ demand_period('stock_date') }} as demand_date
    from {{ ref('fct_stock_daily') }}
    where is_stocked_out
),

promotions as (
    select
        sku,
        {{ demand_period('promotion_date') }} as demand_date,
        max(discount_ratio) as discount_ratio
    from {{ ref('int_promotions_daily') }}
    where promotion_date <= {{ shop_setting('as_of') }}
    group by all
),

prices as (
    select * from {{ ref('stg_shop__prices') }}
    where currency = {{ shop_setting('currency') }}
    qualify row_number() over (partition by sku, valid_from_date order by valid_from desc) = 1
),

{{ prices_by_month(['sku'], 'valid_from_date', last=shop_setting('as_of'), never="date '9999-12-31'") }},

{{ demand_series_grid() }},

observed as (
    select
        grid.sku,
        grid.location_id,
        grid.demand_date,
        coalesce(cast(demand.demand_units as double), 0) as units_sold,
        coalesce(demand.n_orders, 0) as n_orders,
        coalesce(cast(demand.demand_amount as double), 0) as revenue_amount,
        cast(demand.demand_amount as double) / nullif(demand.rated_units, 0) as paid_price_amount,
        promotions.discount_ratio,
        stock_outs.sku is not null as is_stocked_out,
        coalesce(trading.is_trading_day, false) as is_trading_day
    from grid
    left join demand using (sku, location_id, demand_date)
    left join stock_outs using (sku, location_id, demand_date)
    left join promotions using (sku, demand_date)
    left join trading using (demand_date)
),

priced as (
    select
        observed.*,
        cast(prices.price_amount as double) as listed_price_amount,
        cast(coalesce(prices.list_price_amount, prices.price_amount, products.list_price_amount) as double) as list_price_amount,
        last_value(observed.paid_price_amount ignore nulls) over (
            partition by observed.sku, observed.location_id
            order by observed.demand_date
            rows between unbounded preceding and current row
        ) as last_paid_price_amount
    from observed
    left join prices_by_month as prices
        on
            observed.sku = prices.sku
            and date_trunc('month', observed.demand_date) = prices.held_month
            and observed.demand_date >= prices.valid_from_date
            and observed.demand_date < prices.held_until
    left join {{ ref('dim_products') }} as products on observed.sku = products.sku
)

select
    sku,
    location_id,
    demand_date,
    units_sold,
    cast(n_orders as bigint) as n_orders,
    revenue_amount,
    coalesce(last_paid_price_amount, listed_price_amount, list_price_amount) as price_amount,
    coalesce(list_price_amount, last_paid_price_amount) as list_price_amount,
    coalesce(discount_ratio, 0) as discount_ratio,
    discount_ratio is not null as is_on_promotion,
    is_stocked_out,
    is_trading_day
from priced
