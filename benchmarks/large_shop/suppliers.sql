select
    'SUP-' || lpad(cast(number as varchar), 2, '0') as supplier_id,
    'Supplier ' || number as name,
    case when number % 3 = 0 then 'CN' else 'DE' end as country,
    case when number % 3 = 0 then 'USD' else 'EUR' end as currency,
    secret('supplier ' || number) as contact_email,
    timestamptz '{first_day}' as updated_at
from range(1, 41) as numbers (number)
