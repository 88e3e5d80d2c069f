-- One row a product; the master repeats it for every store.
select
    'P' || Product as sku,
    'P' || Product as product_id,
    'Product ' || Product as title,
    min(ProductGroup) as category_id,
    concat_ws(' > ', min(DepartmentGroup), min(Department), min(Division), min(ProductGroup)) as category_path,
    'VN2' as supplier_id,
    getvariable('opening_week') as updated_at,
    min(_file_id) as _file_id,
    min_by(_line, (_file_id, _line)) as _line
from source
group by Product
