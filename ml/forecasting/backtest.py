"""The rolling-origin backtest and the gate that decides which model is served.

Each fold stands at a past origin, forecasts with what was known then, and is scored on the periods that
followed. Periods censored by stock-outs are not scored. The floors are always scored beside the models.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from ml import evaluation
from ml.forecasting.candidates import CandidateForecasts, candidate_forecasts, recent_value
from ml.forecasting.panel import DemandPanel
from ml.forecasting.params import BLEND, BOOSTED, FLOORS, RECENT_LEVEL, SEASONAL_NAIVE, ForecastParams

LEAST_HISTORY_DAYS = 56


@dataclass(frozen=True)
class Fold:
    """One origin: what was forecast then, and what came true (NaN where it could not be observed)."""

    origin: int
    candidates: CandidateForecasts
    actual: np.ndarray
    history: np.ndarray
    value: np.ndarray

    def score_rows(self) -> np.ndarray:
        """Series that had sold something by the origin; the others no model can know."""
        return np.asarray((self.candidates.panel.units > 0).any(axis=1))


@dataclass(frozen=True)
class Champion:
    """The served model, the factor its level is corrected by, and why it was chosen."""

    model_name: str
    factor: float
    reason: str
    wape_total: float = float("nan")
    bias: float = float("nan")


def backtest(panel: DemandPanel, params: ForecastParams) -> list[Fold]:
    """Folds at the last origins, oldest first; fewer or none when the history is short.

    Only the best-selling ``modelled_series`` are scored, so that the cost does not grow with the dead tail.
    """
    horizon = params.horizon_of(panel.period_days)
    least = LEAST_HISTORY_DAYS // panel.period_days
    origins = evaluation.rolling_origins(
        panel.n_past, horizon=horizon, n_origins=params.origins_of(panel.period_days), least_history=least
    )
    if not origins or panel.n_series == 0:
        return []
    early = panel.known_at(origins[0], horizon)
    kept = np.sort(np.argsort(-recent_value(early), kind="stable")[: params.modelled_series])
    panel = panel.select(kept)
    with ThreadPoolExecutor(params.num_threads) as threads:
        return list(threads.map(lambda origin: _fold(panel, origin, horizon, one_thread(params)), origins))


def _fold(panel: DemandPanel, origin: int, horizon: int, params: ForecastParams) -> Fold:
    known = panel.known_at(origin, horizon, params.are_promotions_announced)
    after = slice(origin, origin + horizon)
    is_open = panel.is_observed[:, after] | ~panel.is_trading[:, after]
    return Fold(
        origin=origin,
        candidates=candidate_forecasts(known, params, horizon),
        actual=np.where(is_open, panel.units[:, after], np.nan),
        history=np.where(known.is_observed, known.units, np.nan),
        value=recent_value(known),
    )


def one_thread(params: ForecastParams) -> ForecastParams:
    """The same settings on one thread: several fits beside each other beat one fit on all cores.

    Threads of one fit wait for each other after every tree level, and burn the cores while they do.
    """
    return replace(params, num_threads=1)


def choose_champion(folds: list[Fold], params: ForecastParams) -> Champion:
    """The model with the lowest WAPE of window sums over all folds whose mean bias is within the limit.

    A floor is served only when it beats both the boosted model and the blend by more than ``floor_margin``:
    with a handful of origins, a smaller lead is luck. When every model within the limit is more than 10 %
    worse than the best, the best one is served with half of its bias taken out.
    """
    if not folds:
        return Champion(RECENT_LEVEL, 1.0, "the history is too short for a backtest")
    names = [name for name in folds[0].candidates.units if all(name in f.candidates.units for f in folds)]
    scores = {name: _mean_scores(folds, name) for name in names if name != SEASONAL_NAIVE}
    if not any(np.isfinite(error) for error, _ in scores.values()):
        return Champion(RECENT_LEVEL, 1.0, "nothing was sold in the backtest")

    def rank(name: str) -> tuple[float, str]:
        return scores[name][0] * (1 - params.floor_margin if name in (BOOSTED, BLEND) else 1.0), name

    best = min(scores, key=rank)
    sane = [name for name in scores if abs(scores[name][1]) <= params.bias_limit]
    if sane:
        choice = min(sane, key=rank)
        if rank(choice)[0] <= 1.10 * rank(best)[0]:
            reason = "lowest WAPE of window sums" + (
                "" if choice == best else f" within the bias limit ({best} is not)"
            )
            return Champion(choice, 1.0, reason, *scores[choice])
    factor = float(np.clip(1 / (1 + 0.5 * scores[best][1]), 0.8, 1.25))
    return Champion(best, factor, "lowest WAPE of window sums; half of its bias is taken out", *scores[best])


def _mean_scores(folds: list[Fold], name: str) -> tuple[float, float]:
    errors, biases = [], []
    for fold in folds:
        rows = fold.score_rows()
        actual, forecast = fold.actual[rows], fold.candidates.units[name][rows]
        errors.append(evaluation.wape_total(actual, forecast))
        biases.append(evaluation.bias(actual, forecast))
    return evaluation.mean_over(errors), evaluation.mean_over(biases)


def is_floor(name: str) -> bool:
    """Whether the model is one of the floors every other must beat."""
    return name in FLOORS
