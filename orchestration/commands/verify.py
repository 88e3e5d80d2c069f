"""``shopwright verify``: compare every file that is kept with the checksum that it was written under."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from orchestration.settings import export, settings

if TYPE_CHECKING:
    from orchestration.workspace import Workspace

out = Console()


def verify(
    shop: Annotated[str, typer.Option("--shop", help="Shop's name, or path of its YAML file.")] = "demo",
) -> None:
    """Look for damage in landing, lake, published generations and targets; each finding says its remedy."""
    export(shop=shop)
    from orchestration.workspace import Workspace

    workspace = Workspace.of(settings())
    found = [*_landing(workspace), *_lake(workspace), *_published(workspace), *_targets(workspace)]
    for problem in found:
        out.print(f"[bold red]damaged:[/] {problem}", highlight=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)


def _landing(workspace: Workspace) -> list[str]:
    from feeds.landing_check import check_landing
    from orchestration.keys import landing_vault

    compared, problems = check_landing(workspace.folder, landing_vault(workspace.settings))
    _told("landing", compared, problems)
    return problems


def _lake(workspace: Workspace) -> list[str]:
    from feeds.checksums import LakeDamaged, check_lake
    from feeds.lake import LAYERS
    from orchestration.core_tables import PAIR_DAYS, CoreTables

    kept = CoreTables.under(workspace.folder).kept
    tables = [(workspace.lake, layer, name) for layer in LAYERS for name in workspace.lake.names(layer)]
    tables += [(kept, "core", PAIR_DAYS)] if kept.exists("core", PAIR_DAYS) else []
    compared, problems = 0, list[str]()
    for lake, layer, name in tables:
        try:
            compared += check_lake(lake, [(layer, name)])
        except LakeDamaged as damaged:
            problems.append(str(damaged))
    _told("lake", compared, problems)
    return problems


def _published(workspace: Workspace) -> list[str]:
    from serving.status import status

    told = status(workspace.published)
    found = [*told.problems, *(problem for g in told.generations for problem in g.problems)]
    remedy = "Readers already get the newest intact generation; the next publish points to it, too."
    _told("published generations", len(told.generations), found)
    return [f"{problem} {remedy}" for problem in found]


def _targets(workspace: Workspace) -> list[str]:
    from orchestration.targets import targets_of
    from serving.targets import verify_all

    targets = targets_of(workspace.settings)
    problems = verify_all(workspace.published, targets)
    _told("targets", len(targets), problems)
    return problems


def _told(what: str, compared: int, problems: list[str]) -> None:
    out.print(f"{what}: {compared} compared, {len(problems)} damaged", highlight=False)
