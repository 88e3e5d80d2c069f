-- One row a click, as a view at the stated artificial time.
select
    concat('s', session_id, '-', pos) as event_id,
    'v' || session_id as visitor_id,
    session_id as source_session_id,
    'view' as event_type,
    getvariable('clock_start')::timestamptz + to_microseconds(
        try_cast(session_id as bigint) * getvariable('session_spacing_us') + try_cast(pos as bigint) * getvariable('click_spacing_us')
    ) as occurred_at,
    item_id as sku,
    _file_id,
    _line
from source
