with

skus as (select * from {{ ref('feat_skus') }}),

pairs as (
    select
        sku,
        location_id
    from {{ ref('int_skus_stocked') }}
    union distinct
    select
        sku,
        location_id
    from {{ ref('int_demand_by_day') }}
),

rates as (
    select * from {{ ref('int_exchange_rates_daily') }}
    where valid_date = {{ shop_setting('as_of') }}
),

rated_terms as (
    select
        terms.*,
        case
            when coalesce(terms.currency, {{ shop_setting('currency') }}) = {{ shop_setting('currency') }} then 1
            else rates.exchange_rate
        end as exchange_rate
    from {{ ref('stg_shop__supply_terms') }} as terms
    left join rates on terms.currency = rates.currency
),

-- the SKU's usual supplier, or else the cheapest one
terms as (
    select rated_terms.*
    from rated_terms
    left join skus on rated_terms.sku = skus.sku
    qualify row_number() over (
        partition by rated_terms.sku, rated_terms.location_id
        order by
            coalesce(rated_terms.supplier_id = skus.supplier_id, false) desc,
            rated_terms.unit_cost_amount * rated_terms.exchange_rate asc nulls last,
            rated_terms.supplier_id
    ) = 1
)

select
    pairs.sku,
    pairs.location_id,
    coalesce(terms.supplier_id, skus.supplier_id) as supplier_id,
    terms.lead_time_days,
    lead_times.lead_time_days_mean,
    lead_times.lead_time_days_sd,
    coalesce(lead_times.n_receipts, 0) as n_receipts,
    terms.review_period_days,
    terms.moq_units,
    terms.pack_size_units,
    coalesce(cast(terms.unit_cost_amount * terms.exchange_rate as double), skus.unit_cost_amount) as unit_cost_amount,
    skus.price_amount as unit_price_amount,
    {{ shop_setting('currency') }} as currency,
    cast(terms.holding_cost_amount * terms.exchange_rate as double) as holding_cost_amount,
    cast(terms.shortage_cost_amount * terms.exchange_rate as double) as shortage_cost_amount,
    terms.service_level_ratio,
    coalesce(stock.is_stock_known, false) as is_stock_known,
    coalesce(cast(stock.on_hand_units as double), 0) as on_hand_units,
    coalesce(cast(stock.on_order_units as double), 0) as on_order_units,
    coalesce(cast(stock.in_transit_units as double), 0) as in_transit_units,
    coalesce(cast(stock.reserved_units as double), 0) as reserved_units,
    coalesce(cast(stock.backordered_units as double), 0) as backordered_units,
    coalesce(cast(stock.inventory_position_units as double), 0) as inventory_position_units
from pairs
left join skus on pairs.sku = skus.sku
left join terms on pairs.sku = terms.sku and pairs.location_id = terms.location_id
left join {{ ref('int_suppliers_lead_times') }} as lead_times
    on terms.supplier_id = lead_times.supplier_id and pairs.location_id = lead_times.location_id
left join {{ ref('int_stock_positions') }} as stock on pairs.sku = stock.sku and pairs.location_id = stock.location_id
