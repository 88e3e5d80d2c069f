-- Whose device it is. A sign-in or an order is evidence for 365 days. A device on which several people signed in is shared:
-- it merges nobody, and what is done on it without a sign-in belongs to nobody known.
{%- set evidence_days = 365 %}
with

visits as (
    select
        visitor_id,
        count(*) as n_sessions,
        min(started_at) as first_seen_at,
        max(ended_at) as last_seen_at,
        arg_min(channel, (started_at, session_id)) as first_channel,
        arg_max(channel, (started_at, session_id)) as last_channel
    from {{ ref('stg_core__sessions') }}
    group by visitor_id
),

evidence as (
    select
        visitor_id,
        customer_id,
        occurred_at
    from {{ ref('stg_core__session_events') }}
    where customer_id is not null
    union all
    select
        visitor_id,
        customer_id,
        ordered_at as occurred_at
    from {{ ref('fct_orders') }}
    where customer_id is not null and visitor_id is not null
),

signed_in as (
    select
        visitor_id,
        customer_id,
        min(occurred_at) as first_signed_in_at,
        max(occurred_at) as last_signed_in_at
    from evidence
    where occurred_at >= {{ shop_setting('as_of') }} - {{ evidence_days }}
    group by visitor_id, customer_id
),

people as (
    select
        signed_in.visitor_id,
        count(*) as n_customers,
        count(distinct coalesce(linked.person_id, signed_in.customer_id)) as n_people,
        min(coalesce(linked.person_id, signed_in.customer_id)) as any_person_id,
        min(signed_in.first_signed_in_at) as first_signed_in_at,
        max(signed_in.last_signed_in_at) as last_signed_in_at
    from signed_in
    left join {{ ref('int_customers_linked') }} as linked on signed_in.customer_id = linked.customer_id
    group by signed_in.visitor_id
)

select
    coalesce(visits.visitor_id, people.visitor_id) as visitor_id,
    case when people.n_people = 1 then people.any_person_id end as person_id,
    coalesce(people.n_people > 1, false) as is_shared,
    coalesce(people.n_customers, 0) as n_customers,
    coalesce(people.n_people, 0) as n_people,
    coalesce(visits.n_sessions, 0) as n_sessions,
    coalesce(visits.first_channel, 'unknown') as first_channel,
    coalesce(visits.last_channel, 'unknown') as last_channel,
    least(visits.first_seen_at, people.first_signed_in_at) as first_seen_at,
    greatest(visits.last_seen_at, people.last_signed_in_at) as last_seen_at,
    people.first_signed_in_at,
    people.last_signed_in_at
from visits
full outer join people on visits.visitor_id = people.visitor_id
