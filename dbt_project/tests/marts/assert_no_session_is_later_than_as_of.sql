{{ config(meta={'dagster': {'ref': {'name': 'fct_sessions'}}}) }}
-- a failing row is a session from after as_of: what learns from it would look ahead
select * from {{ ref('fct_sessions') }}
where session_date > {{ shop_setting('as_of') }}
