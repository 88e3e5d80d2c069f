-- One row a known customer with the country of the latest invoice.
select
    customer_id,
    max_by(country, (happened_at, _file_id, _line)) as country,
    max(happened_at) as updated_at,
    max(_file_id) as _file_id,
    max_by(_line, (_file_id, _line)) as _line
from lines
where customer_id is not null
group by customer_id
