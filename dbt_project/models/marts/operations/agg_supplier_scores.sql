-- What each supplier promised and what it did. Lead times are judged on receipts (lines that arrive together are one observation),
-- quantities and promises on lines. Every line counts once it is received, or open beyond its promised day.
with

settings as (select * from {{ source('control', 'shop_settings') }}),

order_lines as (
    select
        lines.*,
        lines.purchase_order_status = 'received' and lines.received_date is not null as is_received,
        lines.purchase_order_status = 'open' and lines.expected_receipt_date <= settings.as_of as is_overdue
    from {{ ref('stg_shop__purchase_orders') }} as lines
    cross join settings
    where lines.supplier_id is not null
),

receipts as (
    select
        supplier_id,
        received_date,
        received_date - ordered_date as lead_time_days,
        max(expected_receipt_date) - ordered_date as promised_lead_time_days
    from order_lines
    where is_received and received_date >= ordered_date
    group by supplier_id, location_id, purchase_order_id, ordered_date, received_date
),

lead_times as (
    select
        supplier_id,
        count(*) as n_receipts,
        min(received_date) as first_receipt_date,
        max(received_date) as last_receipt_date,
        avg(promised_lead_time_days) as promised_lead_time_days_mean,
        avg(lead_time_days) as lead_time_days_mean,
        stddev_samp(lead_time_days) as lead_time_days_sd,
        quantile_cont(lead_time_days, 0.5) as lead_time_days_p50,
        quantile_cont(lead_time_days, 0.9) as lead_time_days_p90,
        avg(lead_time_days - promised_lead_time_days) as delay_days_mean,
        quantile_cont(lead_time_days - promised_lead_time_days, 0.9) as delay_days_p90
    from receipts
    group by supplier_id
),

promises as (
    select
        supplier_id,
        count(distinct purchase_order_id) as n_purchase_orders,
        count(*) filter (where is_received) as n_received_lines,
        count(*) filter (where is_overdue) as n_overdue_lines,
        count(*) filter (where purchase_order_status = 'cancelled') as n_cancelled_lines,
        count(*) filter (where (is_received and expected_receipt_date is not null) or is_overdue) as n_due_lines,
        count(*) filter (where is_received and received_date <= expected_receipt_date) as n_on_time_lines,
        count(*) filter (where is_received and received_units >= ordered_units) as n_in_full_lines,
        count(*) filter (where is_received and received_units is not null) as n_counted_lines,
        count(*) filter (
            where is_received and received_date <= expected_receipt_date and received_units >= ordered_units
        ) as n_on_time_in_full_lines,
        sum(ordered_units) filter (where is_received and received_units is not null) as counted_units,
        sum(least(received_units, ordered_units)) filter (where is_received) as filled_units,
        sum(ordered_units - coalesce(received_units, 0)) filter (where is_overdue) as overdue_units
    from order_lines
    group by supplier_id
),

terms as (
    select
        supplier_id,
        avg(lead_time_days) as agreed_lead_time_days_mean
    from {{ ref('stg_shop__supply_terms') }}
    group by supplier_id
),

supplier_ids as (
    select supplier_id from {{ ref('stg_shop__suppliers') }}
    union distinct
    select supplier_id from promises
)

select
    supplier_ids.supplier_id,
    suppliers.name as supplier_name,
    suppliers.country,
    coalesce(promises.n_purchase_orders, 0) as n_purchase_orders,
    coalesce(lead_times.n_receipts, 0) as n_receipts,
    coalesce(lead_times.n_receipts, 0) < 10 as is_sample_small,
    lead_times.first_receipt_date,
    lead_times.last_receipt_date,
    terms.agreed_lead_time_days_mean,
    lead_times.promised_lead_time_days_mean,
    lead_times.lead_time_days_mean,
    lead_times.lead_time_days_sd,
    lead_times.lead_time_days_p50,
    lead_times.lead_time_days_p90,
    lead_times.delay_days_mean,
    lead_times.delay_days_p90,
    coalesce(promises.n_received_lines, 0) as n_received_lines,
    coalesce(promises.n_cancelled_lines, 0) as n_cancelled_lines,
    coalesce(promises.n_due_lines, 0) as n_due_lines,
    promises.n_on_time_lines / nullif(promises.n_due_lines, 0) as on_time_ratio,
    promises.n_in_full_lines / nullif(promises.n_counted_lines, 0) as in_full_ratio,
    promises.n_on_time_in_full_lines / nullif(promises.n_due_lines, 0) as on_time_in_full_ratio,
    cast(promises.filled_units as double) / nullif(promises.counted_units, 0) as fill_ratio,
    coalesce(promises.n_overdue_lines, 0) as n_overdue_lines,
    cast(coalesce(promises.overdue_units, 0) as bigint) as overdue_units
from supplier_ids
left join {{ ref('stg_shop__suppliers') }} as suppliers on supplier_ids.supplier_id = suppliers.supplier_id
left join promises on supplier_ids.supplier_id = promises.supplier_id
left join lead_times on supplier_ids.supplier_id = lead_times.supplier_id
left join terms on supplier_ids.supplier_id = terms.supplier_id
