-- Prices that differ from the one before, with what should make somebody look: a price below cost, or one that jumped.
with

prices as (select * from {{ ref('stg_shop__prices') }}),

rates as (select * from {{ ref('int_exchange_rates_daily') }}),

settings as (select * from {{ source('control', 'shop_settings') }}),

followed as (
    select
        *,
        lag(price_amount) over (partition by sku, currency order by valid_from) as old_price_amount
    from prices
),

changed as (
    select * from followed
    where price_amount is distinct from old_price_amount
),

costed as (
    select
        changed.*,
        products.unit_cost_amount,
        products.currency as cost_currency,
        settings.currency as shop_currency,
        case when changed.currency = settings.currency then 1 else price_rates.exchange_rate end as price_rate,
        case when products.currency = settings.currency then 1 else cost_rates.exchange_rate end as cost_rate
    from changed
    cross join settings
    -- the cost that the catalogue told then; of a price older than the catalogue's first word, that word
    left join {{ ref('dim_product_versions') }} as products
        on
            changed.sku = products.sku
            and (changed.valid_from >= products.valid_from or products.version_number = 1)
            and (changed.valid_from < products.valid_to or products.valid_to is null)
    left join rates as price_rates
        on changed.currency = price_rates.currency and changed.valid_from_date = price_rates.valid_date
    left join rates as cost_rates
        on products.currency = cost_rates.currency and changed.valid_from_date = cost_rates.valid_date
),

compared as (
    select
        *,
        cast(price_amount - old_price_amount as decimal(18, 2)) as change_amount,
        cast(price_amount as double) / nullif(old_price_amount, 0) - 1 as change_ratio,
        -- one currency needs no rate, even where the feed of rates has gaps
        case
            when currency = cost_currency then unit_cost_amount
            else cast(round(unit_cost_amount * cost_rate / nullif(price_rate, 0), 2) as decimal(18, 2))
        end as cost_amount
    from costed
),

flagged as (
    select
        *,
        1 - cast(cost_amount as double) / nullif(price_amount, 0) as margin_ratio,
        coalesce(price_amount < cost_amount, false) as is_below_cost,
        coalesce(abs(change_amount) > 0.3 * old_price_amount, false) as is_jump
    from compared
)

select
    sku,
    currency,
    valid_from,
    valid_from_date,
    case
        when old_price_amount is null then 'first'
        when price_amount > old_price_amount then 'up'
        else 'down'
    end as change_kind,
    old_price_amount,
    price_amount,
    change_amount,
    change_ratio,
    list_price_amount,
    cost_amount,
    margin_ratio,
    is_below_cost,
    is_jump,
    case
        when is_below_cost and is_jump then 'below_cost_and_jump'
        when is_below_cost then 'below_cost'
        when is_jump then 'jump'
    end as alert
from flagged
