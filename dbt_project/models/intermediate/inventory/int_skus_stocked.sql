-- Where the shop keeps a SKU: it has a stock level there, or can be bought for there.
with

stocked as (
    select
        sku,
        location_id
    from {{ ref('int_stock_positions') }}
),

buyable as (
    select
        sku,
        location_id
    from {{ ref('stg_shop__supply_terms') }}
)

select * from stocked
union distinct
select * from buyable
