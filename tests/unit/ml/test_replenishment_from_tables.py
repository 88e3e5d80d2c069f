"""Forecast and plan straight from what DuckDB hands over: decimals, dates, nullable flags, missing terms."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from ml.forecasting import ForecastParams, forecast_demand
from ml.replenishment import plan_replenishment, recomputed_units

AS_OF = date(2026, 3, 1)

HISTORY = """
select 's' || lpad(s::varchar, 3, '0') as sku, l as location_id, d::date as demand_date,
    ((s + 3) % 9 + (dayofweek(d::date) % 3))::double as units_sold, 1::bigint as n_orders,
    10.5::double as revenue_amount, 3.5::double as price_amount, null::double as list_price_amount,
    case when s % 5 = 0 then null else 0.0 end::double as discount_ratio,
    case when s % 2 = 0 then null else false end as is_on_promotion,
    case when s % 7 = 0 then null else false end as is_stocked_out, true as is_trading_day
from range(30) as sku(s), (values ('north'), ('south')) as place(l),
    generate_series(date '2025-09-01', date '2026-03-01', interval 1 day) as days(d)
"""
SUPPLY = """
select distinct sku, location_id, 'acme' as supplier_id, 6.5::double as lead_time_days,
    null::double as lead_time_days_mean, null::double as lead_time_days_sd, 0::bigint as n_receipts,
    case when sku < 's010' then null else 7 end::bigint as review_period_days,
    case when sku < 's020' then null else 24 end::bigint as moq_units, null::bigint as pack_size_units,
    case when sku < 's005' then null else 2.25 end::decimal(18, 2) as unit_cost_amount,
    6.00::decimal(18, 2) as unit_price_amount, 'EUR' as currency,
    case when sku > 's025' then 0.2 end::decimal(18, 6) as holding_cost_amount,
    case when sku > 's025' then 1.0 end::decimal(18, 6) as shortage_cost_amount,
    null::double as service_level_ratio, sku <> 's003' as is_stock_known, 12.0::double as on_hand_units,
    null::double as on_order_units, 0.0::double as in_transit_units, null::double as reserved_units,
    0.0::double as backordered_units, 12.0::double as inventory_position_units
from history
"""
EMPTY = {
    "planned": "select 's001' as sku, date '2026-03-02' as demand_date, true as is_on_promotion, "
    "0.1 as discount_ratio",
    "calendar": "select date '2026-03-08' as calendar_date, 'Fair' as event_names, "
    "false as is_public_holiday, true as is_shopping_festival, null::boolean as is_closure",
    "receipts": "select 's001' as sku, 'north' as location_id, date '2026-03-04' as expected_receipt_date, "
    "5.0::double as units",
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    con = duckdb.connect()
    con.execute(f"create table history as {HISTORY}")
    made = {"history": con.execute("select * from history").df(), "supply": con.execute(SUPPLY).df()}
    made |= {name: con.execute(query).df() for name, query in EMPTY.items()}
    made["items"] = con.execute(
        "select distinct sku, case when sku < 's015' then 'c1' end as category_id, "
        "10.0::double as revenue_amount from history"
    ).df()
    return made


@pytest.mark.parametrize("empty", [(), ("planned", "calendar", "receipts")])
def test_tables_of_the_warehouse_become_forecasts_and_orders(tables, empty):
    given = {name: frame.iloc[:0] if name in empty else frame for name, frame in tables.items()}
    params = ForecastParams(num_threads=1, boosted_trees=10, ets_series=2, aggregates=0, backtest_origins=1)
    made = forecast_demand(
        given["history"], as_of=AS_OF, planned=given["planned"], calendar=given["calendar"],
        items=given["items"], supply=given["supply"], params=params,
    )  # fmt: skip
    plan = plan_replenishment(
        made.totals, made.forecasts, given["supply"], given["receipts"], given["items"], as_of=AS_OF
    )
    assert len(made.forecasts) == 60 * 28
    assert len(plan.policies) == 60
    assert len(plan.risks) == 58, "two SKU-locations have unknown stock"
    assert len(plan.orders) > 0
    assert [recomputed_units(text) for text in plan.orders["explanation"]] == list(plan.orders["units"])
    assert plan.orders.loc[plan.orders["sku"] < "s005", "value_amount"].isna().all()
    level = plan.policies.set_index("sku")["service_level_ratio"]
    assert np.allclose(level[level.index > "s025"], 1 / 1.2)
