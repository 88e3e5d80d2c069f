"""``shopwright backfill``: one run over a range of past days, which a kill interrupts but does not spoil.

What is to be done is noted in the shop's folder before anything starts, and taken away when all is published.
Which files are loaded and which commits exist, ledger and lake know; nothing is kept twice.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from orchestration.settings import export, settings

NOTE = "backfill.json"


@dataclass(frozen=True)
class Backfill:
    """Days to take in and to rebuild, the first and the last included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def unfinished(folder: Path) -> Backfill | None:
    """The backfill that began in this shop and did not reach its end."""
    note = folder / NOTE
    if not note.exists():
        return None
    told = json.loads(note.read_text(encoding="utf-8"))
    return Backfill(date.fromisoformat(told["first"]), date.fromisoformat(told["last"]))


def agreed(folder: Path, first: date | None, last: date | None) -> Backfill:
    """The days asked for, or those of the unfinished backfill; noted, so that a kill leaves them known.

    Raises ``ValueError`` for half a range, a range that ends before it starts, no range with nothing to
    resume, and other days than those of a backfill that is not finished.
    """
    begun = unfinished(folder)
    if first is None and last is None:
        if begun is None:
            raise ValueError("No backfill is unfinished. Say which days: --from YYYY-MM-DD --to YYYY-MM-DD.")
        return begun
    if first is None or last is None:
        raise ValueError("Give both --from and --to, or neither to resume an unfinished backfill.")
    if last < first:
        raise ValueError(f"--to {last} lies before --from {first}.")
    asked = Backfill(first, last)
    if begun and begun != asked:
        raise ValueError(
            f"The backfill of {begun} is not finished. Finish it first: shopwright backfill, without days."
        )
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{NOTE}-{os.getpid()}"
    aside.write_text(json.dumps({"first": first.isoformat(), "last": last.isoformat()}), encoding="utf-8")
    os.replace(aside, folder / NOTE)
    return asked


def finish(folder: Path) -> None:
    """Take the note away: everything is published."""
    (folder / NOTE).unlink(missing_ok=True)


def backfill(
    context: typer.Context,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; none: resume.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    shop: Annotated[str, typer.Option("--shop", help="Shop's name, or path of its YAML file.")] = "demo",
    feeds: Annotated[Path | None, typer.Option("--feeds", help="Folder of the shop's feeds.")] = None,
) -> None:
    """Take in what came for past days, rebuild those days, and publish; without days, resume a killed one."""
    export(shop=shop, feeds=feeds.absolute() if feeds else None)
    from rich.console import Console

    from orchestration.runs import CannotStart, run_shop
    from orchestration.summary import print_summary
    from orchestration.workspace import Workspace

    folder = Workspace.of(settings()).folder
    try:
        days = agreed(folder, first.date() if first else None, last.date() if last else None)
    except ValueError as wrong:
        raise CannotStart(str(wrong)) from None
    Console(stderr=True).print(f"backfill of shop {shop}: {days}", highlight=False)
    # The days are rebuilt even where no new row came for them (see dbt's ``dirty_days``).
    export(rebuild_from=days.first, rebuild_to=days.last)
    workspace = Workspace.of(settings())
    outcome = run_shop(workspace, (days.first, days.last), **(context.obj or {}))
    print_summary(Console(), workspace, outcome)
    if not outcome.success:
        raise typer.Exit(1)
    finish(folder)
