with

judged as (select * from {{ source('ml', 'monitor_readings') }})

select
    table_name,
    monitor,
    measure,
    reading_date,
    observed_value,
    expected_value,
    lower_value,
    upper_value,
    deviations,
    state,
    as_of,
    run_id,
    model_version
from judged
