-- Names and addresses stay out of the marts, in the past as in the present.
with

{{ record_versions('customers', ['customer_id'], ['country', 'language', 'segment', 'is_marketing_allowed']) }}

select
    customer_id,
    version_number,
    valid_from,
    valid_to,
    is_current,
    country,
    language,
    segment,
    is_marketing_allowed
from versions
