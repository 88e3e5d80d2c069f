"""When a model is made anew and when the stored one is used: the one rule for all models.

A stored model is used until it is ``refit_days`` of data old, unless something it was made with has changed:
its version, code, settings, input columns or libraries, or the history it learnt from. Models are made and
read elsewhere.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd

from ml.model_store import Manifest, ModelStore, NotStorable, Recipe, Unreadable

Model = TypeVar("Model")
Sums = Mapping[str, Mapping[str, float]]

RESTATED_RATIO = 0.02
"""Share of the learnt amounts that may change before a model is made anew; late cancellations stay below."""


@dataclass(frozen=True)
class Kept(Generic[Model]):
    """A model with the day and run it was made in, and why it was made anew (empty: it was not)."""

    model: Model
    as_of: date
    run_id: str
    reason: str
    next_refit: date | None

    @property
    def is_refitted(self) -> bool:
        """Whether the model was made in this run."""
        return bool(self.reason)

    def told(self) -> str:
        """One line for people: what was done, and when it will be done again."""
        after = f", next refit {self.next_refit}" if self.next_refit else ", not stored"
        return f"refitted: {self.reason}{after}" if self.reason else f"model of {self.as_of}{after}"


@dataclass(frozen=True)
class Keeping(Generic[Model]):
    """How one kind of model is made, written, read, and recognised as still fitting its history.

    ``sums_until`` gives the amounts that the history holds up to a day, by view and group.
    """

    recipe: Recipe
    make: Callable[[], Model]
    write: Callable[[Model, Path], None]
    read: Callable[[Path], Model]
    sums_until: Callable[[date], Sums]


def kept_or_made(
    store: ModelStore | None, keeping: Keeping[Model], *, as_of: date, run_id: str
) -> Kept[Model]:
    """The stored model while it may be used, else a new one, stored; without a store always a new one."""
    if store is None:
        return Kept(keeping.make(), as_of, run_id, "no model store was given", None)
    days = timedelta(days=store.refit_days)
    folder = store.of(keeping.recipe.name)
    try:
        manifest = Manifest.read(folder)
        reason = why_refit(manifest, keeping.recipe, as_of, store.refit_days, keeping.sums_until)
        if not reason:
            return Kept(keeping.read(folder), manifest.as_of, manifest.run_id, "", manifest.as_of + days)
    except Unreadable as error:
        reason = str(error)
    except Exception as error:  # whatever a damaged or foreign file makes its reader raise: a refit mends it
        reason = f"the stored model cannot be read: {type(error).__name__}: {error}"
    model = keeping.make()
    manifest = Manifest(keeping.recipe.as_written(), as_of, run_id, keeping.sums_until(as_of))
    try:
        store.save(keeping.recipe.name, manifest, lambda aside: keeping.write(model, aside))
    except NotStorable as error:
        store.discard(keeping.recipe.name)
        return Kept(model, as_of, run_id, str(error), None)
    return Kept(model, as_of, run_id, reason, as_of + days)


def why_refit(
    manifest: Manifest, recipe: Recipe, as_of: date, refit_days: int, sums_until: Callable[[date], Sums]
) -> str:
    """Why the stored model must not be used for ``as_of``; empty when it may."""
    if as_of < manifest.as_of:
        return f"as of {as_of} lies before the stored model of {manifest.as_of}"
    if (as_of - manifest.as_of).days >= refit_days:
        return f"the stored model is {(as_of - manifest.as_of).days} days old"
    asked = recipe.as_written()
    changed = [name for name, value in asked.items() if manifest.recipe.get(name) != value]
    if changed:
        return f"changed since the stored model of {manifest.as_of}: {', '.join(sorted(changed))}"
    restated = restated_ratio(manifest.sums, sums_until(manifest.as_of))
    if restated > RESTATED_RATIO:
        return f"{restated:.1%} of the history learnt from was restated since {manifest.as_of}"
    return ""


def restated_ratio(before: Sums, now: Sums) -> float:
    """The largest share, over the views, that changed: sum of |now - before| over the sum of before."""
    shares = [0.0]
    for view in {*before, *now}:
        old, new = before.get(view, {}), now.get(view, {})
        moved = sum(abs(new.get(group, 0.0) - old.get(group, 0.0)) for group in {*old, *new})
        shares.append(moved / max(sum(abs(amount) for amount in old.values()), 1.0))
    return max(shares)


def weekly_sums(days: pd.Series, until: date, amounts: pd.Series | None = None) -> dict[str, float]:
    """Amounts (or rows) by week up to ``until``; weeks are seven-day blocks of the calendar."""
    day = pd.to_datetime(days).to_numpy().astype("datetime64[D]")
    known = day <= np.datetime64(until, "D")
    week, at = np.unique(day[known].astype("datetime64[W]"), return_inverse=True)
    weights = None if amounts is None else np.nan_to_num(amounts.to_numpy(dtype=float)[known])
    return {str(name): float(value) for name, value in zip(week, np.bincount(at, weights), strict=True)}


def recipe_of(
    name: str,
    *,
    model_version: str,
    params: Any,
    frames: Mapping[str, pd.DataFrame | None],
    libraries: tuple[str, ...],
    package: Path,
    **settings: object,
) -> Recipe:
    """The recipe of a model made by the Python files of ``package`` from ``frames`` with ``params``."""
    known = {"python": ".".join(platform.python_version_tuple()[:2])}
    given = asdict(params) if is_dataclass(params) and not isinstance(params, type) else dict(params)
    return Recipe(
        name=name,
        model_version=model_version,
        params={**given, **settings},
        columns={
            label: tuple(map(str, frame.columns)) for label, frame in frames.items() if frame is not None
        },
        libraries=known | {library: _version(library) for library in libraries},
        code=_code(package),
    )


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"


def _code(package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(package.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
