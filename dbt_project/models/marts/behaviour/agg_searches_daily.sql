with

searches as (select * from {{ ref('fct_searches') }})

select
    search_date,
    coalesce(search_term, '') as search_term,
    count(*) as n_searches,
    count(*) filter (where is_without_results) as n_searches_without_results,
    count(*) filter (where has_click) as n_searches_with_click,
    count(*) filter (where has_cart) as n_searches_with_cart,
    count(*) filter (where has_purchase) as n_searches_with_purchase,
    count(*) filter (where is_reworded) as n_searches_reworded,
    count(distinct visitor_id) as n_visitors
from searches
group by search_date, coalesce(search_term, '')
