"""dlt, asked for when it is needed: with its telemetry off and without any state of its own on disk."""

from __future__ import annotations

import importlib
import os
import tempfile
from types import ModuleType

from feeds.report import FeedError

_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # A folder that does not exist: dlt finds no settings there and, as no pipeline runs, writes none.
    "DLT_DATA_DIR": os.path.join(tempfile.gettempdir(), "shopwright-has-no-dlt-folder"),
}


def dlt_module(name: str, needed_for: str) -> ModuleType:
    """A module of dlt (or of what its extra brings); ``FeedError`` saying how to install it when missing."""
    for variable, value in _SETTINGS.items():
        os.environ.setdefault(variable, value)
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        raise FeedError(
            f"{needed_for} needs packages that are not installed ({missing.name or missing}). "
            "Install them with: pip install 'shopwright[pulls]'"
        ) from missing
