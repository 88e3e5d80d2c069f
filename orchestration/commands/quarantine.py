"""``shopwright quarantine replay``: each feed's open rows judged again, one line of account a feed."""

from __future__ import annotations

import getpass

from feeds.replay import replay_quarantine
from orchestration.keys import landing_vault
from orchestration.settings import Settings
from orchestration.workspace import Workspace


def replay(settings: Settings, feed: str | None = None) -> list[tuple[object, ...]]:
    """Feed, load, rows judged, accepted, deduplicated, still bad, and a note, of each feed in quarantine."""
    workspace = Workspace.of(settings)
    folder = workspace.folder / "quarantine"
    names = [feed] if feed else sorted(p.name for p in folder.glob("*") if any(p.glob("*.parquet")))
    told: list[tuple[object, ...]] = []
    for name in names:
        report = replay_quarantine(
            workspace.shop,
            name,
            workspace.home,
            key=settings.personal_data_key(),
            by=getpass.getuser(),
            vault=landing_vault(settings),
        )
        told.append(
            (
                name,
                report.load_number or "",
                report.rows_read,
                report.accepted,
                report.deduplicated,
                report.quarantined,
                report.skipped_reason or "run the main job to bring them to the published tables",
            )
        )
    return told
