with

source as (select * from {{ source('core', 'bot_sessions') }}),

known as (
    select * from source
    where started_at < {{ as_of_end() }}
)

select
    {{ session_columns() }},
    bot_reason
from known
