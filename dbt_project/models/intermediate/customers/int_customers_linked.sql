-- Accounts of one person, over any number of steps: Ada's two accounts share an e-mail address, the second shares telephone and
-- name with a third. A telephone alone links nobody (a household shares one), and a contact of more accounts than a person
-- keeps is a placeholder. Nothing is remembered: without its evidence a link is gone at the next build.
{%- set max_accounts = 5 %}
with recursive

customers as (select * from {{ ref('stg_shop__customers') }}),

contacts as (
    select
        customer_id,
        'email ' || lower(trim(email)) as contact
    from customers
    where trim(email) <> ''
    union all
    select
        customer_id,
        'phone ' || trim(phone) || ' of ' || lower(trim(full_name)) as contact
    from customers
    where trim(phone) <> '' and trim(full_name) <> ''
),

shared_contacts as (
    select contact
    from contacts
    group by contact
    having count(*) between 2 and {{ max_accounts }}
),

links as (
    select distinct
        contacts.customer_id,
        others.customer_id as linked_customer_id
    from contacts
    inner join shared_contacts on contacts.contact = shared_contacts.contact
    inner join contacts as others on contacts.contact = others.contact
),

reached as (
    select
        customer_id,
        linked_customer_id
    from links
    union
    select
        reached.customer_id,
        links.linked_customer_id
    from reached
    inner join links on reached.linked_customer_id = links.customer_id
)

select
    customer_id,
    min(linked_customer_id) as person_id
from reached
group by customer_id
