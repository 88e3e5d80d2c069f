"""The code location: everything under ``defs``, with the resources and the log bound once."""

from __future__ import annotations

from pathlib import Path

from orchestration.settings import settings

settings()  # switches telemetry off before Dagster and dbt are imported

import dagster as dg  # noqa: E402

from orchestration.executor import step_processes  # noqa: E402
from orchestration.progress import progress_log  # noqa: E402
from orchestration.resources import WorkspaceResource  # noqa: E402


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that ``dagster dev``, ``dg`` and the command line load."""
    return build_defs()


def build_defs(resources: dict[str, object] | None = None) -> dg.Definitions:
    """Fresh definitions; ``resources`` override the bound ones (for tests and special deployments)."""
    loaded = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    bound = dg.Definitions(
        resources={
            "workspace": WorkspaceResource(),
            "pipes": dg.PipesSubprocessClient(),
            **(resources or {}),
        },
        loggers={"console": progress_log},
        executor=step_processes(settings().steps_at_a_time),
    )
    return dg.Definitions.merge(loaded, bound)
