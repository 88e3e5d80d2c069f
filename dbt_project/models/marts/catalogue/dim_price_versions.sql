with

{{ record_versions('prices', ['sku', 'currency'], ['price_amount', 'list_price_amount'], version='valid_from') }}

select
    sku,
    currency,
    version_number,
    valid_from,
    valid_to,
    is_current,
    price_amount,
    list_price_amount
from versions
