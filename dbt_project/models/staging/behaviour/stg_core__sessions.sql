with

source as (select * from {{ source('core', 'sessions') }}),

known as (
    select * from source
    where started_at < {{ as_of_end() }}
)

select
    {{ session_columns() }}
from known
