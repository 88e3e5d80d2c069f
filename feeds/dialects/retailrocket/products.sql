-- One row an item seen; the source has no catalogue, so the title is the identifier.
select
    item_id as sku,
    item_id as product_id,
    'Item ' || item_id as title,
    getvariable('clock_start')::timestamptz as updated_at,
    min(_file_id) as _file_id,
    min_by(_line, (_file_id, _line)) as _line
from source
group by item_id
