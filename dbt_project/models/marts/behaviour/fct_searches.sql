-- What follows a search, up to the next one in the visit, is what it led to; a view after a search without results is no click on
-- a result.
with

actions as (select * from {{ ref('stg_core__session_events') }}),

searches as (
    select
        event_id,
        session_id,
        visitor_id,
        customer_id,
        occurred_at,
        occurred_date,
        search_query,
        n_search_results,
        position,
        lead(position) over (partition by session_id order by position) as next_search_position
    from actions
    where event_type = 'search'
),

outcomes as (
    select
        searches.event_id,
        count(distinct actions.sku) filter (where actions.event_type = 'view') as n_skus_viewed,
        arg_min(actions.sku, actions.position) filter (where actions.event_type = 'view') as first_viewed_sku,
        min(actions.occurred_at) filter (where actions.event_type = 'view') as first_viewed_at,
        bool_or(actions.event_type = 'add_to_cart') as has_cart,
        bool_or(actions.event_type = 'purchase') as has_purchase
    from searches
    inner join actions
        on
            searches.session_id = actions.session_id
            and searches.position < actions.position
            and (searches.next_search_position > actions.position or searches.next_search_position is null)
    group by searches.event_id
)

select
    searches.event_id,
    searches.session_id,
    searches.visitor_id,
    searches.customer_id,
    searches.occurred_at as searched_at,
    searches.occurred_date as search_date,
    searches.search_query,
    lower(regexp_replace(trim(searches.search_query), '\s+', ' ', 'g')) as search_term,
    searches.n_search_results,
    searches.n_search_results = 0 as is_without_results,
    coalesce(outcomes.n_skus_viewed, 0) > 0 and coalesce(searches.n_search_results, 1) > 0 as has_click,
    coalesce(outcomes.has_cart, false) as has_cart,
    coalesce(outcomes.has_purchase, false) as has_purchase,
    not has_click and searches.next_search_position is not null as is_reworded,
    coalesce(outcomes.n_skus_viewed, 0) as n_skus_viewed,
    outcomes.first_viewed_sku,
    case when has_click then date_diff('second', searches.occurred_at, outcomes.first_viewed_at) end as seconds_to_click
from searches
left join outcomes on searches.event_id = outcomes.event_id
