"""``shopwright publish``: what is live here and at each target, going back, and delivering again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestration.settings import export, settings

if TYPE_CHECKING:
    from orchestration.workspace import Workspace
    from serving.targets import Delivery

publish_app = typer.Typer(no_args_is_help=True, help="Look at what is published, go back, deliver again.")
out = Console()

ShopOption = Annotated[str, typer.Option("--shop", help="Shop's name, or path of its YAML file.")]


@publish_app.command("status")
def publish_status(shop: ShopOption = "demo") -> None:
    """Generations that are kept, which one is live, whether it is stale, and what each target shows."""
    from orchestration.targets import configured_deliveries
    from serving.status import status

    workspace = _workspace(shop)
    told = status(workspace.published)
    table = Table("generation", "live", "as of", "run", "tables", "rows", "state")
    for g in told.generations:
        state = "; ".join(g.problems) or "intact"
        table.add_row(
            str(g.generation),
            "yes" if g.is_live else "",
            *map(str, (g.as_of, g.run_id, g.n_tables, g.n_rows, state)),
        )
    out.print(table)
    for reason in (*told.problems, *told.stale):
        out.print(f"stale: {reason}", highlight=False)
    delivered = configured_deliveries(workspace)
    behind = _print_targets(delivered, told.live)
    if not told.is_healthy or behind:
        raise typer.Exit(1)


@publish_app.command("rollback")
def publish_rollback(
    shop: ShopOption = "demo", to: Annotated[int | None, typer.Option(help="Generation.")] = None
) -> None:
    """Make an earlier generation live again, here and at each target."""
    from serving.publish import rollback

    workspace = _workspace(shop)
    manifest = rollback(workspace.published, to)
    out.print(f"Generation {manifest.generation} is live, as of {manifest.run.as_of}.", highlight=False)
    _deliver(workspace)


@publish_app.command("deliver")
def publish_deliver(shop: ShopOption = "demo") -> None:
    """Deliver the live generation to each target again; what is there already is left alone."""
    from orchestration.targets import targets_of

    workspace = _workspace(shop)
    if not targets_of(workspace.settings):
        out.print("No target is set: SHOPWRIGHT_DROP_FOLDER or SHOPWRIGHT_POSTGRES_DSN names one.")
        return
    _deliver(workspace)


def _workspace(shop: str) -> Workspace:
    export(shop=shop)
    from orchestration.workspace import Workspace

    return Workspace.of(settings())


def _deliver(workspace: Workspace) -> None:
    from orchestration.targets import deliver_live
    from serving.generations import read_pointer

    pointer = read_pointer(workspace.published)
    if _print_targets(deliver_live(workspace), pointer.generation if pointer else None):
        raise typer.Exit(1)


def _print_targets(told: list[Delivery], live: int | None) -> bool:
    """Print one line a target; gives whether one of them does not show the live generation."""
    behind = False
    for delivery in told:
        is_behind = not delivery.is_delivered or delivery.generation != live
        behind = behind or is_behind
        note = " (behind: the live one is elsewhere)" if is_behind and delivery.is_delivered else ""
        out.print(
            f"target {delivery.target}: {delivery.state}, generation {delivery.generation}, "
            f"{delivery.at}, {delivery.rows} rows, {delivery.told}{note}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    return behind
