"""What the model store keeps of recommenders: chosen settings or learnt weights, and how they were judged.

Indexes of neighbours are built from the newest rows on every day; only what takes a search or an evaluation
is kept. It is JSON and a Parquet table, and names no customer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from ml.model_store import Manifest, ModelStore, NotStorable, Unreadable
from ml.refits import Keeping, Kept, Sums, kept_or_made, recipe_of

LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn")
SETTINGS, ACCURACY = "settings.json", "accuracy.parquet"


@dataclass(frozen=True)
class Judged:
    """Settings or weights of one recommender, and its rows of ``recommendation_accuracy``."""

    settings: Mapping[str, Any]
    accuracy: pd.DataFrame


def keep(
    store: ModelStore | None,
    name: str,
    make: Callable[[], Judged],
    *,
    as_of: date,
    run_id: str,
    model_version: str,
    params: Any,
    frames: Mapping[str, pd.DataFrame],
    sums_until: Callable[[date], Sums],
    **settings: object,
) -> Kept[Judged]:
    """The stored one while it may be used, else a new one (see ``ml.refits``)."""
    recipe = recipe_of(
        name,
        model_version=model_version,
        params=params,
        frames=frames,
        libraries=LIBRARIES,
        package=Path(__file__).parent,
        **settings,
    )
    return kept_or_made(store, Keeping(recipe, make, _write, _read, sums_until), as_of=as_of, run_id=run_id)


def stored_accuracy(store: ModelStore, name: str) -> pd.DataFrame | None:
    """The accuracy rows that the model's own step stored or kept; ``None`` where there are none to read."""
    try:
        Manifest.read(store.of(name))
        return _read(store.of(name)).accuracy
    except Unreadable:
        return None


def _write(made: Judged, folder: Path) -> None:
    if made.accuracy.empty:
        raise NotStorable("too little history to judge it, so nothing is kept")
    (folder / SETTINGS).write_text(json.dumps(dict(made.settings), indent=1), encoding="utf-8")
    made.accuracy.to_parquet(folder / ACCURACY, index=False)


def _read(folder: Path) -> Judged:
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    return Judged(settings, pd.read_parquet(folder / ACCURACY))
