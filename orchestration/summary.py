"""The short summary at the end of a run: what came in, what went out, how good it is, where to look next."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from data_quality.contract import all_contracts
from orchestration.needs import skipped_tables
from orchestration.runs import RunOutcome
from orchestration.workspace import Workspace
from serving.store import Store

HEADLINES = ("hit_rate_at_20", "mrr_at_20", "map_at_12", "hit_rate_at_12", "hit_rate_where_answered_at_10")
"""Metrics of the recommendations that the summary names; the others are in the published table."""

# Without quotes: they are pasted within two kinds of them.
ORDERS_TO_PLACE = "select * from serving.replenishment_orders order by value_amount desc limit 5"
WHAT_SELLS = "select * from serving.popular_items order by segment, rank limit 5"


def print_summary(console: Console, workspace: Workspace, outcome: RunOutcome) -> None:
    """Print what the run did. Reads the published generation, as any outsider would."""
    console.rule(f"{workspace.shop.title}")
    console.print(_ingested(workspace, outcome))
    if not outcome.success:
        _print_failure(console, workspace, outcome)
        return
    with Store(workspace.published) as store:
        console.print(_published(workspace, store))
        for table in _accuracy(store):
            console.print(table)
    _print_where_next(console, workspace, outcome)


def _ingested(workspace: Workspace, outcome: RunOutcome) -> Table:
    table = Table(title="Ingested", title_justify="left")
    counted = ("files", "rows read", "accepted", "deduplicated", "quarantined", "filtered")
    table.add_column("feed", min_width=max(len(contract.name) for contract in all_contracts("feeds")))
    for name in counted:
        table.add_column(name, justify="right")
    table.add_column("note")
    for contract in all_contracts("feeds"):
        told = outcome.materialised.get(f"raw/{contract.name}")
        if told is None:
            missing = workspace.shop.missing_reason(contract.name)
            note = "skipped: the shop has no such feed" if missing else "not loaded, see below"
            table.add_row(contract.name, *["-"] * len(counted), note)
            continue
        counts = [f"{told.get(name.replace(' ', '_'), 0):,}" for name in counted]
        table.add_row(contract.name, *counts, escape(str(told.get("skipped", ""))))
    return table


def _published(workspace: Workspace, store: Store) -> Table:
    skipped = skipped_tables(workspace)
    title = f"Published: generation {store.generation}, as of {store.manifest.run.as_of}"
    table = Table(title=title, title_justify="left")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("note")
    for name, rows in sorted(store.tables().items()):
        table.add_row(name, f"{rows:,}", f"skipped: {skipped[name]}" if name in skipped else "")
    return table


def _accuracy(store: Store) -> Iterator[Table]:
    forecasts = store.query(
        "select model_name, is_champion, is_floor, "
        "avg(wape) as wape, avg(wape_total) as wape_total, avg(bias) as bias "
        "from serving.forecast_accuracy where segment = 'all' and horizon = 'all' "
        "group by all order by wape_total"
    )
    if forecasts:
        table = Table(
            title="Backtest of the forecasts (mean of the origins; lower is better)", title_justify="left"
        )
        for name in ("model", "WAPE a period", "WAPE of the window's sum", "bias", ""):
            table.add_column(name, justify="left" if name in ("model", "") else "right")
        for row in forecasts:
            mark = "served" if row["is_champion"] else "floor" if row["is_floor"] else ""
            numbers = [_number(row[name]) for name in ("wape", "wape_total", "bias")]
            table.add_row(row["model_name"], *numbers, mark)
        yield table
    yield from _recommendation_accuracy(store)


def _recommendation_accuracy(store: Store) -> Iterator[Table]:
    """The served model of each surface beside the best of the others, by the metrics that people ask for."""
    told = store.query(
        "select surface, metric, any_value(model_name) filter (is_served) as served, "
        "any_value(value) filter (is_served) as value, "
        "arg_max(model_name, value) filter (not is_served) as other, "
        "max(value) filter (not is_served) as other_value "
        "from serving.recommendation_accuracy where list_contains($metrics, metric) "
        "group by all having count(*) filter (is_served) = 1 order by all",
        {"metrics": list(HEADLINES)},
    )
    if not told:
        return
    table = Table(title="Backtest of the recommendations (higher is better)", title_justify="left")
    for name in ("surface", "metric", "served", "value", "best other", "its value"):
        table.add_column(name, justify="right" if name.endswith("value") else "left")
    for row in told:
        names = [row["surface"], row["metric"], row["served"]]
        table.add_row(*names, _number(row["value"]), row["other"] or "-", _number(row["other_value"]))
    yield table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _print_failure(console: Console, workspace: Workspace, outcome: RunOutcome) -> None:
    console.print("[bold red]The run did not finish.[/] What was published before is still what readers see.")
    for step, cause in outcome.failed_steps.items():
        console.print(f"[bold]{step}[/]: {escape(cause)}", highlight=False, soft_wrap=True)
    for check in outcome.failed_checks:
        console.print(f"check failed: {check}", highlight=False)
    console.print(f"Look closer: shopwright dev --shop {workspace.shop.name}, run {outcome.run_id}")


def _print_where_next(console: Console, workspace: Workspace, outcome: RunOutcome) -> None:
    file = workspace.published / "serve.duckdb"
    console.print(
        f"Took {outcome.seconds:.0f} s, peak memory {outcome.peak_memory_mb:,.0f} MB.", highlight=False
    )
    console.print(f"Published file: {file}", soft_wrap=True, highlight=False)
    query = ORDERS_TO_PLACE
    if workspace.missing("order_lines", "stock_levels", "supply_terms") is not None:
        query = WHAT_SELLS
    console.print("A query to paste:", highlight=False)
    console.print(
        f"  python -c \"import duckdb; print(duckdb.connect('{file}', read_only=True).sql('{query}'))\"",
        soft_wrap=True,
        highlight=False,
    )
    console.print("The Dagster UI: make dev (http://127.0.0.1:3000)", highlight=False)
