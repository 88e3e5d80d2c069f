-- One row a sold product with its last title; titles of write-offs are notes ("damaged"), so only sales name a product.
select
    sku,
    sku as product_id,
    max_by(title, (happened_at, _file_id, _line)) filter (title <> '') as title,
    getvariable('currency') as currency,
    max(happened_at) as updated_at,
    max(_file_id) as _file_id,
    max_by(_line, (_file_id, _line)) as _line
from lines
where line_kind = 'product' and not_ordered is null and price > 0
group by sku
