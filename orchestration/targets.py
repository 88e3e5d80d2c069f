"""Where this installation delivers what it publishes, as the settings say, and how deliveries are shown."""

from __future__ import annotations

import pandas as pd

from orchestration.settings import Settings
from orchestration.workspace import Workspace
from serving.file_drop import FileDrop
from serving.postgres import PostgresTarget
from serving.targets import Delivery, Target, deliver_all, deliveries

COLUMNS = ("target", "state", "generation", "at", "seconds", "rows", "told")


def targets_of(settings: Settings, *, keep: int | None = None) -> list[Target]:
    """The configured targets; ``keep`` overrides how many generations they hold."""
    targets: list[Target] = []
    if settings.drop_folder:
        folder = settings.drop_folder.expanduser().absolute()
        targets.append(FileDrop(folder, keep=keep or settings.keep_generations))
    if settings.postgres_dsn:
        readers = tuple(name.strip() for name in settings.postgres_readers.split(",") if name.strip())
        dsn = settings.postgres_dsn.get_secret_value()
        targets.append(PostgresTarget(dsn, readers, keep=keep or settings.postgres_keep))
    return targets


def deliver_live(workspace: Workspace, *, keep: int | None = None) -> list[Delivery]:
    """Deliver the live generation to every configured target; a failure is in the result, not raised."""
    return deliver_all(workspace.published, targets_of(workspace.settings, keep=keep))


def configured_deliveries(workspace: Workspace) -> list[Delivery]:
    """The last attempt at each target that is still configured."""
    names = {target.name for target in targets_of(workspace.settings)}
    return [told for told in deliveries(workspace.published) if told.target in names]


def deliveries_frame(told: list[Delivery]) -> pd.DataFrame:
    """Deliveries as a table: one row per target."""
    rows = [[getattr(delivery, name) for name in COLUMNS] for delivery in told]
    return pd.DataFrame(rows, columns=list(COLUMNS))
