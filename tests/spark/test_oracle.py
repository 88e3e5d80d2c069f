"""The same answers from an independent engine: DuckDB SQL over random and simulated events and orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow.parquet as pq
import pytest

from data_quality.contract import load_contract
from feeds.simulator import SimulationParams, simulate
from transforms.bots import BotParams
from transforms.jobs import EVENT_COLUMNS, Tables
from transforms.pairs import PairParams
from transforms.plan import Plan, end_of, parse_plan
from transforms.tables import conform, contract_schema

N_EVENTS, N_LINES = 5_000, 2_500

WORLD = f"""
select setseed(0.42);
create table events as
select 'e' || i as event_id, 'v' || (random() * 40)::int as visitor_id,
    case when random() < 0.2 then 'c' || (random() * 50)::int end as customer_id,
    case when random() < 0.1 then 's' || (random() * 3)::int end as source_session_id,
    ['view', 'view', 'view', 'search', 'add_to_cart', 'remove_from_cart', 'favourite', 'share', 'purchase'][
        1 + (random() * 8)::int] as event_type,
    -- Whole minutes make many ties and pauses of exactly half an hour.
    timestamptz '2026-02-07 00:00:00+00' + to_minutes((random() * 4600)::int) as occurred_at,
    case when random() < 0.9 then 'sku' || (pow(random(), 2) * 60)::int end as sku,
    case when random() < 0.1 then 'o' || (random() * 400)::int end as order_id,
    null::varchar as search_query, null::bigint as n_search_results, 1::bigint as units,
    case when random() < 0.7 then ['desktop', 'mobile', 'app'][1 + (random() * 2)::int] end as device_type,
    case when random() < 0.7 then ['DE', 'FR'][1 + random()::int] end as country,
    case when random() < 0.5 then ['email', 'direct'][1 + random()::int] end as channel
from range({N_EVENTS}) as t(i);
insert into events select * from events where event_id like 'e%7';
create table order_lines as
select 'o' || (random() * 700)::int as order_id, 'sku' || (pow(random(), 2) * 60)::int as sku,
    case when random() < 0.1 then 'shipping' else 'product' end as line_kind,
    timestamptz '2026-01-20 00:00:00+00' + to_minutes((random() * 28800)::int) as ordered_at
from range({N_LINES});
"""

# A hundred thousand actions of a simulated shop, as its feed files tell them, and its order lines.
N_SIMULATED, SIMULATED_DAYS = 100_000, 85
SIMULATED = f"""
create table events as
select * replace (occurred_at::timestamptz as occurred_at, n_search_results::bigint as n_search_results,
    units::bigint as units)
from (select {{columns}} from read_csv('{{feeds}}/events/*', all_varchar = true))
order by occurred_at, event_id limit {N_SIMULATED};
create table order_lines as
select order_id, sku, line_kind, ordered_at::timestamptz as ordered_at
from read_csv('{{feeds}}/order_lines/*', all_varchar = true);
"""

# Written from the definitions, not from the jobs: islands by a running sum, joins instead of arrays.
ORACLE = """
create table seen as select distinct * from events where occurred_at < $end;
create table lines as select * from order_lines where ordered_at < $end;
create table numbered as
with stepped as (
    select *, coalesce(occurred_at - lag(occurred_at) over visit > interval 30 minutes, true)::int as is_first
    from seen window visit as (partition by visitor_id, source_session_id order by occurred_at, event_id)
), islands as (
    select *, sum(is_first) over (
        partition by visitor_id, source_session_id order by occurred_at, event_id
        rows between unbounded preceding and current row) as island
    from stepped
)
select *, min(occurred_at) over of_session as started_at, max(occurred_at) over of_session as ended_at,
    count(*) over of_session as n_events,
    row_number() over (
        partition by visitor_id, source_session_id, island order by occurred_at, event_id) as position,
    sha256(concat_ws('|', visitor_id, source_session_id,
        epoch_us(min(occurred_at) over of_session)::varchar)) as session_id
from islands window of_session as (partition by visitor_id, source_session_id, island);

create table told as
select *, case when epoch_us(ended_at) - epoch_us(started_at) > 86400000000 then 'endless'
    when n_events > $max_events then 'too_many_events'
    when n_events > $pace * greatest(1, (epoch_us(ended_at) - epoch_us(started_at)) / 60e6) then 'too_fast'
    end as bot_reason
from numbered;
create table session_events as select * from told where bot_reason is null;

create table all_sessions as
select session_id, visitor_id, bot_reason,
    arg_min(customer_id, position) filter (customer_id is not null) as customer_id,
    min(occurred_at) as started_at, max(occurred_at) as ended_at,
    ((epoch_us(max(occurred_at)) - epoch_us(min(occurred_at))) // 1000000)::bigint as duration_seconds,
    count(*) as n_events, count(*) filter (event_type = 'view') as n_views,
    count(*) filter (event_type = 'search') as n_searches,
    count(*) filter (event_type = 'add_to_cart') as n_add_to_carts,
    count(*) filter (event_type = 'remove_from_cart') as n_remove_from_carts,
    count(*) filter (event_type = 'favourite') as n_favourites,
    count(*) filter (event_type = 'share') as n_shares,
    count(*) filter (event_type = 'purchase') as n_purchases, count(distinct sku) as n_skus,
    arg_min(order_id, position) filter (order_id is not null) as order_id,
    arg_min(device_type, position) filter (device_type is not null) as device_type,
    arg_min(country, position) filter (country is not null) as country,
    arg_min(channel, position) filter (channel is not null) as channel
from told group by session_id, visitor_id, bot_reason;
create table sessions as select * from all_sessions where bot_reason is null;
create table bot_sessions as select * from all_sessions where bot_reason is not null;

create table daily_interactions as
select (occurred_at at time zone 'UTC')::date as interaction_date, visitor_id, sku,
    (list(customer_id order by occurred_at, event_id) filter (customer_id is not null))[1] as customer_id,
    count(*) filter (event_type = 'view') as n_views,
    count(*) filter (event_type = 'add_to_cart') as n_add_to_carts,
    count(*) filter (event_type = 'favourite') as n_favourites,
    count(*) filter (event_type = 'purchase') as n_purchases
from session_events
where sku is not null and event_type in ('view', 'add_to_cart', 'favourite', 'purchase') group by all;

create table item_pairs as
with baskets as (
    select case event_type when 'view' then 'co_view' else 'co_cart' end as kind, session_id as basket, sku,
        max(occurred_at) as met
    from session_events where sku is not null and event_type in ('view', 'add_to_cart') group by all
    union all
    select 'co_purchase', order_id, sku, max(ordered_at) from lines where line_kind = 'product' group by all
), capped as (
    select * from baskets
    qualify row_number() over (partition by kind, basket order by met desc, sku)
        <= case kind when 'co_purchase' then $order_cap else $session_cap end
), support as (select kind, sku, count(*) as n from baskets group by all),
pairs as (
    select a.kind, a.sku, b.sku as paired_sku, count(*) as n_together,
        sum(pow(2, -(epoch_us($end) - epoch_us(greatest(a.met, b.met))) / 86400e6 / $half_life)) as weight,
        max(greatest(a.met, b.met)) as last_at
    from capped as a join capped as b on a.kind = b.kind and a.basket = b.basket and a.sku <> b.sku
    group by a.kind, a.sku, b.sku having count(*) >= $min_together
    qualify row_number() over (
        partition by a.kind, a.sku order by round(weight, 10) desc, n_together desc, b.sku) <= $max_paired
)
select p.kind as pair_kind, p.sku, p.paired_sku, n_together, s.n as n_sku, t.n as n_paired,
    weight as decayed_weight, last_at as last_together_at
from pairs as p join support as s on s.kind = p.kind and s.sku = p.sku
join support as t on t.kind = p.kind and t.sku = p.paired_sku;
"""


@dataclass(frozen=True)
class World:
    """Rows for both engines, the settings of the jobs, and the same in SQL's words."""

    sql: str
    as_of: date
    settings: dict[str, dict[str, float]]
    n_bots: int

    @property
    def values(self) -> dict[str, object]:
        bots = vars(BotParams()) | self.settings.get("bots", {})
        pairs = vars(PairParams()) | self.settings.get("pairs", {})
        return {
            "end": end_of(self.as_of, ZoneInfo("Europe/Berlin")),
            "max_events": bots["max_events"], "pace": bots["max_events_per_minute"],
            "half_life": pairs["half_life_days"], "session_cap": pairs["max_session_skus"],
            "order_cap": pairs["max_order_skus"], "min_together": pairs["min_together"],
            "max_paired": pairs["max_paired"],
        }  # fmt: skip


@pytest.fixture(scope="module", params=["random", pytest.param("simulated", marks=pytest.mark.slow)])
def world(request, tmp_path_factory) -> World:
    if request.param == "random":
        settings = {
            "bots": {"max_events": 7},
            "pairs": {"half_life_days": 5, "max_session_skus": 3, "max_order_skus": 4, "max_paired": 8},
        }
        return World(WORLD, date(2026, 2, 9), settings, n_bots=10)
    params, folder = SimulationParams(days=SIMULATED_DAYS), tmp_path_factory.mktemp("feeds")
    simulate(params, folder)
    sql = SIMULATED.format(feeds=folder, columns=", ".join(EVENT_COLUMNS))
    return World(sql, params.start + timedelta(days=SIMULATED_DAYS - 2), {}, n_bots=1)


@pytest.fixture(scope="module")
def plan(world, tmp_path_factory) -> Plan:
    folder = tmp_path_factory.mktemp("oracle")
    return parse_plan(
        {
            "inputs": {
                name: {"files": [str(folder / f"{name}.parquet")]} for name in ("events", "order_lines")
            },
            "outputs": {},
            "as_of": world.as_of.isoformat(),
            "time_zone": "Europe/Berlin",
            "scratch": str(folder / "scratch"),
            "settings": world.settings,
        }
    )


@pytest.fixture(scope="module")
def oracle(world, plan) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": "1"})
    con.execute("set timezone = 'UTC'")
    con.execute(world.sql)
    for name, files in plan.inputs.items():
        pq.write_table(con.execute(f"from {name}").fetch_arrow_table(), Path(files.paths[0]))
    for statement in con.extract_statements(ORACLE):
        con.execute(statement, {k: v for k, v in world.values.items() if k in statement.named_parameters})
    return con


@pytest.fixture(scope="module")
def tables(spark, oracle, plan) -> Tables:
    return Tables(spark, plan)


def both(tables, oracle, name):
    """The job's rows and the oracle's, each sorted by key."""
    contract = load_contract(name, "core")
    theirs = oracle.execute(
        f"select {', '.join(contract.column_names)} from {name} order by {', '.join(contract.key)}"
    ).fetch_arrow_table()
    ours = conform(tables.make(name), contract_schema(contract)).toArrow().cast(contract.arrow_schema())
    return ours.sort_by([(key, "ascending") for key in contract.key]), theirs.cast(contract.arrow_schema())


@pytest.mark.parametrize("name", ["session_events", "sessions", "bot_sessions", "daily_interactions"])
def test_every_row_is_what_sql_says(tables, oracle, world, name):
    ours, theirs = both(tables, oracle, name)
    assert ours.num_rows >= (world.n_bots if name == "bot_sessions" else 1_000)
    assert ours.equals(theirs)


def test_every_pair_is_what_sql_says(tables, oracle):
    ours, theirs = both(tables, oracle, "item_pairs")
    assert set(ours["pair_kind"].to_pylist()) == {"co_view", "co_cart", "co_purchase"}
    assert ours.num_rows > 500
    assert ours.drop_columns("decayed_weight").equals(theirs.drop_columns("decayed_weight"))
    for weight, expected in zip(
        ours["decayed_weight"].to_pylist(), theirs["decayed_weight"].to_pylist(), strict=True
    ):
        assert weight == pytest.approx(expected, abs=1e-9)


def test_people_and_bots_share_out_every_event_once(tables, oracle):
    n_seen = oracle.execute("select count(distinct event_id) from seen").fetchone()[0]
    n_of_bots = sum(row.n_events for row in tables.make("bot_sessions").collect())
    assert n_of_bots > 0
    assert tables.make("session_events").count() + n_of_bots == n_seen
