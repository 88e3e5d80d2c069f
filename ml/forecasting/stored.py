"""The forecaster in the model store: what is written, what is read, and by which sums its history is known.

Trees are LightGBM's own text, backtest errors arrays without objects, tables Parquet, the rest JSON.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from ml.forecasting.accuracy import Scored
from ml.forecasting.aggregates import Aggregates
from ml.forecasting.backtest import Champion
from ml.forecasting.boosted import BoostedModel, Booster
from ml.forecasting.model import Forecaster
from ml.forecasting.panel import KEYS, DemandPanel
from ml.model_store import NotStorable, Unreadable
from ml.refits import Sums, weekly_sums

NAME = "demand_forecasts"
LIBRARIES = ("lightgbm", "numpy", "pandas", "prophet", "scikit-learn", "statsforecast")
TABLES = ("accuracy", "backtest", "aggregates")


@dataclass(frozen=True)
class Evaluated:
    """A forecaster with the accuracy table and the plot points of the backtest that chose it."""

    forecaster: Forecaster
    accuracy: pd.DataFrame
    backtest: pd.DataFrame


def write(made: Evaluated, folder: Path) -> None:
    """Write the files; raises ``NotStorable`` for trees that only pickling could keep."""
    forecaster = made.forecaster
    boosted = forecaster.boosted
    if not forecaster.scored:
        raise NotStorable("the history is too short for a backtest, so nothing is kept")
    if boosted is not None:
        if not isinstance(boosted.model, Booster):
            raise NotStorable("trees of scikit-learn are not stored, so they are fitted each time")
        (folder / "trees.txt").write_text(boosted.model.text(), encoding="utf-8")
    told = {
        "champion": asdict(forecaster.champion),
        "factor": forecaster.aggregates.factor,
        "notes": forecaster.aggregates.notes,
        "n_origins": len(forecaster.scored),
        "boosted": boosted and {"buckets": boosted.buckets, "layout": boosted.layout},
    }
    (folder / "forecaster.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    arrays = {
        f"{name}_{number}": array
        for number, scored in enumerate(forecaster.scored)
        for name, array in asdict(scored).items()
    }
    np.savez(folder / "errors.npz", **arrays)
    frames = (made.accuracy, made.backtest, forecaster.aggregates.frame)
    for name, frame in zip(TABLES, frames, strict=True):
        frame.to_parquet(folder / f"{name}.parquet", index=False)


def read(folder: Path, panel: DemandPanel) -> Evaluated:
    """What ``write`` wrote; raises ``Unreadable`` when the panel no longer gives the trees' features."""
    told = json.loads((folder / "forecaster.json").read_text(encoding="utf-8"))
    boosted = None
    if told["boosted"]:
        model = Booster.from_text((folder / "trees.txt").read_text(encoding="utf-8"))
        buckets = [(int(low), int(high)) for low, high in told["boosted"]["buckets"]]
        boosted = BoostedModel(model, "lightgbm", buckets, tuple(told["boosted"]["layout"]))
        if not boosted.fits(panel):
            raise Unreadable("the history now gives other features than the stored model was fitted on")
    with np.load(folder / "errors.npz", allow_pickle=False) as arrays:
        scored = tuple(
            Scored(**{name: arrays[f"{name}_{number}"] for name in ("forecast", "actual", "classes")})
            for number in range(told["n_origins"])
        )
    frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    explained = Aggregates(frames["aggregates"], told["factor"], tuple(told["notes"]))
    forecaster = Forecaster(Champion(**told["champion"]), boosted, scored, explained)
    return Evaluated(forecaster, frames["accuracy"], frames["backtest"])


def sums_until(history: pd.DataFrame, until: date) -> Sums:
    """Units of the shop by week and of each series in all, up to ``until``."""
    known = history.loc[pd.to_datetime(history["demand_date"]) <= pd.Timestamp(until)]
    series = known.groupby(KEYS)["units_sold"].sum()
    return {
        "week": weekly_sums(known["demand_date"], until, known["units_sold"]),
        "series": dict(zip(["|".join(map(str, key)) for key in series.index], series.tolist(), strict=True)),
    }
