"""``shopwright feeds``: propose what an unknown file is, take a proposal, check a dialect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.settings import settings

feeds_app = typer.Typer(no_args_is_help=True, help="Unknown files and dialects.")
out = Console()


@feeds_app.command()
def infer(
    file: Annotated[Path, typer.Argument(help="File to look at.")],
    to: Annotated[Path | None, typer.Option("--out", help="YAML file to write the proposal to.")] = None,
    name: Annotated[str | None, typer.Option(help="Name for dialect and source.")] = None,
) -> None:
    """Look at an unknown file and propose format, feed and columns; nothing is loaded."""
    from feeds.inference.proposal import propose, write_proposal

    proposal = propose(file, name)
    for key in ("format", "encoding", "delimiter"):
        guess = proposal[key]
        out.print(f"{key}: {guess['value']!r} ({guess['confidence']:.0%})", highlight=False, markup=False)
    feed = proposal["feed"]
    also = f", or {feed['or']}" if feed["or"] else ""
    out.print(f"feed: {feed['name']} ({feed['confidence']:.0%}){also}", highlight=False, markup=False)
    table = Table("column", "taken for", "sure", "examples", "why")
    for column in proposal["columns"]:
        sure = f"{column['confidence']:.0%}" if column["maps_to"] else ""
        cells = (
            column["source"],
            column["maps_to"] or "-",
            sure,
            ", ".join(column["examples"]),
            column["why"],
        )
        table.add_row(*(escape(str(cell)) for cell in cells))
    out.print(table)
    for question in proposal["questions"]:
        out.print(f"? {question}", highlight=False, markup=False, soft_wrap=True)
    if to:
        write_proposal(proposal, to)
        out.print(f"Wrote {to}. Nothing was loaded.", highlight=False, markup=False, soft_wrap=True)


@feeds_app.command()
def accept(
    proposal: Annotated[Path, typer.Argument(help="Proposal written by infer.")],
    shop: Annotated[str, typer.Option("--shop", help="Shop that sends the file.")],
) -> None:
    """Put a proposal's dialect into the data home and its source into the shop's file."""
    from feeds.inference.accepting import accept_proposal

    dialect, shop_file = accept_proposal(proposal, shop, settings().data_home)
    out.print(
        f"Wrote {dialect} and {shop_file}. The next run reads the file.", highlight=False, soft_wrap=True
    )


@feeds_app.command()
def check(
    dialect: Annotated[str, typer.Argument(help="Dialect's name, or path of its YAML file.")],
    sample: Annotated[Path, typer.Option("--sample", help="Folder with <shape>.csv, .jsonl or .parquet.")],
) -> None:
    """Try a dialect on sample files and say which checks hold."""
    from feeds.conformance import conformance
    from feeds.dialect import DialectError
    from feeds.report import FeedError

    try:
        told = conformance(dialect, sample)
    except DialectError as unusable:
        raise FeedError(str(unusable)) from unusable
    table = Table("feed", "check", "holds", "found")
    for one in told.checks:
        table.add_row(one.feed, one.name, "yes" if one.ok else "[red]no[/]", escape(one.told))
    out.print(table)
    if told.failures:
        raise typer.Exit(1)
