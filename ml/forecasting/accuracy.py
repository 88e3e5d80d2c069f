"""The accuracy table: every model, floor included, at every origin, by segment and by horizon.

Quantile scores are given for the champion only, with quantiles learnt from the other origins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml import evaluation
from ml.forecasting.backtest import Champion, Fold, is_floor
from ml.forecasting.boosted import bucket_edges
from ml.forecasting.calibration import ConformalQuantiles
from ml.forecasting.params import QUANTILES, ForecastParams


@dataclass(frozen=True)
class Scored:
    """What one model forecast at one origin, what came true (NaN: unknown), and the class of each series."""

    forecast: np.ndarray
    actual: np.ndarray
    classes: np.ndarray


def scored_rows(folds: list[Fold], model_name: str) -> tuple[Scored, ...]:
    """The model's forecasts at every origin, for the series that can be scored."""
    rows = [fold.score_rows() for fold in folds]
    return tuple(
        Scored(fold.candidates.units[model_name][kept], fold.actual[kept], fold.candidates.classes[kept])
        for fold, kept in zip(folds, rows, strict=True)
    )


def residual_pools(
    folds: list[Fold], model_name: str, length: int | None = None
) -> dict[str, np.ndarray] | None:
    """Forecasts, actuals and classes of all folds (see ``pooled``)."""
    return pooled(scored_rows(folds, model_name), length)


def pooled(scored: Sequence[Scored], length: int | None = None) -> dict[str, np.ndarray] | None:
    """Forecasts, actuals and classes together: per period, or summed over the first ``length`` periods.

    A sum counts as known when at least half of its periods were observed; both sides then use those periods.
    """
    parts = []
    for one in scored:
        if length is None:
            classes = np.repeat(one.classes, one.forecast.shape[1])
            parts.append((one.forecast.ravel(), one.actual.ravel(), classes))
            continue
        seen = np.isfinite(one.actual[:, :length])
        enough = seen.mean(axis=1) >= 0.5
        summed = (
            np.where(seen, one.forecast[:, :length], 0).sum(axis=1),
            np.where(seen, one.actual[:, :length], 0).sum(axis=1),
        )
        parts.append((summed[0][enough], summed[1][enough], one.classes[enough]))
    if not parts:
        return None
    names = ("forecast", "actual", "classes")
    return {name: np.concatenate([part[number] for part in parts]) for number, name in enumerate(names)}


@dataclass(frozen=True)
class _Slice:
    segment: str
    horizon: str
    rows: np.ndarray
    columns: slice
    scale: np.ndarray


def accuracy_frame(
    folds: list[Fold], champion: Champion, period_days: int, dates: np.ndarray, params: ForecastParams
) -> pd.DataFrame:
    """Rows of ``forecast_accuracy`` without the stamp."""
    records = []
    buckets = bucket_edges(params.buckets_of(period_days), params.horizon_of(period_days))
    for fold in folds:
        quantiles = _quantiles_from_others(folds, fold, champion)
        slices = list(_slices(fold, buckets))
        for name in fold.candidates.units:
            scored = quantiles if name == champion.model_name else None
            for part in slices:
                records.append(_record(fold, name, part, scored, champion, dates))
    return pd.DataFrame.from_records(records)


def _slices(fold: Fold, buckets: list[tuple[int, int]]) -> Iterator[_Slice]:
    known = fold.score_rows()
    whole = slice(0, fold.actual.shape[1])
    squares, steps = evaluation.naive_scale(fold.history, 2), evaluation.naive_scale(fold.history, 1)
    scale = np.column_stack([squares, steps])
    yield _Slice("all", "all", known, whole, scale)
    for low, high in buckets:
        yield _Slice("all", f"{low + 1}-{high}", known, slice(low, high), scale)
    for labels in (fold.candidates.classes, evaluation.abc_classes(fold.value)):
        for label in np.unique(labels.astype(str)):
            rows = known & (labels == label)
            if rows.any():
                yield _Slice(str(label), "all", rows, whole, scale)


def _record(
    fold: Fold,
    name: str,
    part: _Slice,
    quantiles: np.ndarray | None,
    champion: Champion,
    dates: np.ndarray,
) -> dict[str, object]:
    actual = fold.actual[part.rows][:, part.columns].astype(float)
    forecast = fold.candidates.units[name][part.rows][:, part.columns].astype(float)
    value, scale = fold.value[part.rows], part.scale[part.rows]
    record: dict[str, object] = {
        "origin_date": dates[fold.origin - 1].astype("datetime64[D]").astype(object),
        "model_name": name,
        "segment": part.segment,
        "horizon": part.horizon,
        "n_series": int(part.rows.sum()),
        "n_points": int(np.isfinite(actual).sum()),
        "wape": evaluation.wape(actual, forecast),
        "wape_total": evaluation.wape_total(actual, forecast),
        "bias": evaluation.bias(actual, forecast),
        "rmsse": evaluation.scaled_error(actual, forecast, scale[:, 0], 2, value),
        "mase": evaluation.scaled_error(actual, forecast, scale[:, 1], 1, value),
        "pinball": np.nan,
        "coverage_90_ratio": np.nan,
        "is_champion": name == champion.model_name,
        "is_floor": is_floor(name),
    }
    if quantiles is not None:
        mine = quantiles[part.rows][:, part.columns]
        levels = list(QUANTILES.values())
        record["pinball"] = evaluation.pinball(actual, {q: mine[:, :, i] for i, q in enumerate(levels)})
        record["coverage_90_ratio"] = evaluation.coverage(actual, mine[:, :, levels.index(0.90)])
    return record


def _quantiles_from_others(folds: list[Fold], fold: Fold, champion: Champion) -> np.ndarray | None:
    pools = residual_pools([other for other in folds if other is not fold], champion.model_name)
    if pools is None:
        return None
    learnt = ConformalQuantiles.fit(**pools, levels=tuple(QUANTILES.values()))
    if learnt is None:
        return None
    forecast = fold.candidates.units[champion.model_name]
    return learnt.predict(forecast, np.repeat(fold.candidates.classes[:, None], forecast.shape[1], axis=1))[0]
