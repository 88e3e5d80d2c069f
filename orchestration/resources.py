"""Resources: they build plain objects. Asset logic stays out of this module."""

from __future__ import annotations

import dagster as dg

from orchestration.settings import settings
from orchestration.workspace import Workspace


class WorkspaceResource(dg.ConfigurableResource):
    """The shop that this code location works on."""

    def open(self) -> Workspace:
        """The workspace, as the settings say now."""
        return Workspace.of(settings())
