"""The ``shopwright`` command: thin, each command reads its options, calls, and prints."""

from __future__ import annotations

import gc
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.commands.backfill import backfill
from orchestration.commands.docs import docs
from orchestration.commands.feeds import feeds_app
from orchestration.commands.forget import forget
from orchestration.commands.keys import keys_app
from orchestration.commands.publish import publish_app
from orchestration.commands.spark_warehouse import spark_warehouse
from orchestration.commands.verify import verify
from orchestration.commands.webhook import webhook
from orchestration.settings import PROJECT_ROOT, export, settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
quarantine_app = typer.Typer(no_args_is_help=True, help="Rows that were set aside, and why.")
app.add_typer(publish_app, name="publish")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(keys_app, name="keys")
app.add_typer(feeds_app, name="feeds")
app.command()(forget)
app.command()(webhook)
app.command()(backfill)
app.command()(docs)
app.command("spark-warehouse")(spark_warehouse)
app.command()(verify)
out = Console()
err = Console(stderr=True)

ShopOption = Annotated[str, typer.Option("--shop", help="Shop's name, or path of its YAML file.")]
FeedsOption = Annotated[Path | None, typer.Option("--feeds", help="Folder of the shop's feeds.")]


def main() -> None:
    """Entry point: errors that a user can mend are printed as one message, with exit code 2."""
    from data_quality.contract import ContractError
    from feeds.checksums import LakeDamaged
    from feeds.report import FeedError
    from feeds.shop import ShopError
    from orchestration.runs import CannotStart
    from orchestration.turns import AnotherRun
    from orchestration.workspace import NothingIngested
    from serving.generations import NothingPublished
    from serving.lock import PublishRefused

    known = (
        ContractError,
        LakeDamaged,
        FeedError,
        ShopError,
        CannotStart,
        AnotherRun,
        NothingIngested,
        NothingPublished,
        PublishRefused,
    )
    try:
        # This process is nothing but the command, so a run's steps may be forks of it.
        app(obj={"fork_this_process": True})
    except known as wrong:
        err.print(f"[bold red]error:[/] {escape(str(wrong))}", highlight=False, soft_wrap=True)
        sys.exit(2)


@app.command()
def run(
    context: typer.Context,
    shop: ShopOption = "demo",
    feeds: FeedsOption = None,
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day to know.")] = None,
) -> None:
    """Run the main job: from what has arrived to a published generation."""
    if (
        context.obj
    ):  # a process of its own: much is imported now and nothing thrown away, until its server starts
        gc.disable()
    export(shop=shop, feeds=feeds.absolute() if feeds else None, as_of=as_of.date() if as_of else None)
    from orchestration.runs import run_shop
    from orchestration.summary import print_summary
    from orchestration.workspace import Workspace

    workspace = Workspace.of(settings())
    err.print(
        f"shop {workspace.shop.name}: feeds from {settings().feeds_folder}, data home {workspace.home}",
        highlight=False,
    )
    outcome = run_shop(workspace, **(context.obj or {}))
    print_summary(out, workspace, outcome)
    if not outcome.success:
        raise typer.Exit(1)


@app.command()
def simulate(
    days: Annotated[int, typer.Option(help="Days to simulate.", min=1)] = 400,
    skus: Annotated[int, typer.Option(help="Sellable units.", min=1)] = 600,
    customers: Annotated[int, typer.Option(help="Customers.", min=1)] = 8000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    fault: Annotated[list[str] | None, typer.Option(help="Fault to inject; may be repeated.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder to write; default: the demo's feeds in the data home.")
    ] = None,
) -> None:
    """Write the feed files of a simulated shop, day by day, and beside them its truth."""
    from feeds.simulator import SimulationParams
    from feeds.simulator import simulate as write_shop

    export(shop="demo")
    folder = (to or settings().feeds_folder).absolute()
    params = SimulationParams(days=days, skus=skus, customers=customers, seed=seed, faults=tuple(fault or ()))
    with err.status(f"simulating {days} days of a shop") as status:
        summary = write_shop(params, folder, on_day=lambda day, *_: status.update(f"simulating: {day}"))
    out.print(f"Wrote {folder}", highlight=False, soft_wrap=True)
    table = Table("feed", "rows")
    for feed, rows in sorted(summary.rows.items()):
        table.add_row(feed, f"{rows:,}")
    out.print(table)


@app.command()
def doctor(shop: ShopOption = "demo", feeds: FeedsOption = None) -> None:
    """Look at this machine: Java, disk, memory, ports, versions, data home; each failure with its remedy."""
    export(shop=shop, feeds=feeds.absolute() if feeds else None)
    from orchestration.doctor import examine

    findings = examine(settings())
    for finding in findings:
        mark = "[green]ok[/]  " if finding.ok else "[red]fail[/]"
        out.print(f"{mark} {finding.subject}: {escape(finding.told)}", highlight=False, soft_wrap=True)
        if finding.remedy:
            out.print(f"     -> {escape(finding.remedy)}", highlight=False, soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def config() -> None:
    """Show the settings, secrets redacted."""
    for name, value in settings().shown().items():
        out.print(f"SHOPWRIGHT_{name.upper()}={value}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def dev(shop: ShopOption = "demo", feeds: FeedsOption = None, port: int = 3000) -> None:
    """Open the Dagster UI on 127.0.0.1."""
    export(shop=shop, feeds=feeds.absolute() if feeds else None)
    from orchestration.instance import dagster_home
    from orchestration.workspace import Workspace

    dagster_home(Workspace.of(settings()))
    dagster = Path(sys.executable).with_name("dagster")
    os.chdir(PROJECT_ROOT)
    command = [str(dagster), "dev", "-m", "orchestration.definitions", "-h", "127.0.0.1", "-p", str(port)]
    os.execv(command[0], command)


@quarantine_app.command("list")
def quarantine_list(
    shop: ShopOption = "demo", feed: Annotated[str | None, typer.Option(help="Only this feed.")] = None
) -> None:
    """Quarantined rows by feed, rule and file, with a masked example each."""
    export(shop=shop)
    from orchestration.quarantine import quarantined
    from orchestration.workspace import Workspace

    table = Table("feed", "load", "rule", "field", "file", "rows", "released", "first line", "message")
    for row in quarantined(Workspace.of(settings()), feed):
        table.add_row(*(escape(str(value)) for value in row))
    out.print(table)


@quarantine_app.command("replay")
def quarantine_replay(
    shop: ShopOption = "demo",
    feed: Annotated[str | None, typer.Option(help="Only this feed.")] = None,
    feeds: FeedsOption = None,
) -> None:
    """Judge quarantined rows again by the present contract and dialect, and load those that are good now."""
    export(shop=shop, feeds=feeds.absolute() if feeds else None)
    from orchestration.commands.quarantine import replay

    table = Table("feed", "load", "judged", "accepted", "deduplicated", "still bad", "note")
    for row in replay(settings(), feed):
        table.add_row(*(escape(str(value)) for value in row))
    out.print(table)


if __name__ == "__main__":
    main()
