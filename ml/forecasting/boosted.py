"""The main model: one gradient-boosted model for all series, direct by bucket of periods ahead.

It predicts by how much the demand of a bucket will differ from the series' recent level, as a ratio with a
Tweedie loss; the weight level**(2-p) makes that the same as predicting units. Ratios carry growth,
promotions and age from series to series, and let a tree model follow a rising season that it has not seen
before.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ml.forecasting.features import BucketRows, PanelSums, bucket_rows, feature_layout, training_origins
from ml.forecasting.panel import DemandPanel
from ml.forecasting.params import ForecastParams


@dataclass(frozen=True)
class BoostedForecast:
    """Forecast of the boosted model (series by periods ahead, units) and the name of the library that made
    it."""

    units: np.ndarray
    library: str


@dataclass(frozen=True)
class BoostedModel:
    """A fitted model with the buckets it is direct by, and the optional feature columns it was fitted on."""

    model: Any
    library: str
    buckets: list[tuple[int, int]]
    layout: tuple[str, ...]

    def fits(self, panel: DemandPanel) -> bool:
        """Whether the panel gives the feature columns that the model was fitted on."""
        return self.layout == feature_layout(panel)

    def predict(self, panel: DemandPanel, weights: np.ndarray, horizon: int) -> BoostedForecast:
        """Forecast ``horizon`` periods after the panel's past, which may be longer than when it was fitted.

        The last bucket's rate holds for whatever lies beyond it.
        """
        now = bucket_rows(panel, weights, panel.n_past, self.buckets)
        rate = np.maximum(np.asarray(self.model.predict(now.features)), 0) * now.level
        by_bucket = rate.reshape(len(self.buckets), panel.n_series).T
        units = np.zeros((panel.n_series, horizon), dtype=np.float32)
        for number, (low, end) in enumerate(self.buckets):
            high = horizon if number == len(self.buckets) - 1 else end
            ahead = weights[:, panel.n_past + low : panel.n_past + high]
            units[:, low:high] = by_bucket[:, number : number + 1] * ahead
        return BoostedForecast(units, self.library)


def fit_boosted(
    panel: DemandPanel,
    weights: np.ndarray,
    params: ForecastParams,
    horizon: int,
    learn_from: np.ndarray | None = None,
) -> BoostedModel | None:
    """Fit on the past of the panel; ``None`` where there is too little history.

    ``learn_from`` is a mask of the series to train on.
    """
    buckets = bucket_edges(
        params.buckets_of(panel.period_days), min(horizon, params.horizon_of(panel.period_days))
    )
    n_learn = panel.n_series if learn_from is None else int(learn_from.sum())
    origins = training_origins(panel, buckets, params.boosted_rows, n_learn)
    if not origins:
        return None
    sums = PanelSums(panel, weights)
    train = BucketRows.stack([bucket_rows(panel, weights, origin, buckets, sums) for origin in origins])
    is_modelled = np.ones(panel.n_series, dtype=bool) if learn_from is None else learn_from
    train = train.take(train.is_usable & np.tile(is_modelled, len(train.ratio) // panel.n_series))
    if len(train.ratio) < 200 or train.ratio.max() <= 0:
        return None
    return BoostedModel(*_fit(train, params), buckets, feature_layout(panel))


def boosted_forecast(
    panel: DemandPanel,
    weights: np.ndarray,
    params: ForecastParams,
    horizon: int,
    learn_from: np.ndarray | None = None,
) -> BoostedForecast | None:
    """Fit (see ``fit_boosted``) and forecast every series of the panel."""
    model = fit_boosted(panel, weights, params, horizon, learn_from)
    return model.predict(panel, weights, horizon) if model else None


def bucket_edges(ends: tuple[int, ...], horizon: int) -> list[tuple[int, int]]:
    """Half-open buckets of periods ahead (0 is the first future period) that cover the horizon.

    >>> bucket_edges((7, 14), 16)
    [(0, 7), (7, 14), (14, 16)]
    """
    edges = [0, *[end for end in ends if end < horizon], horizon]
    return list(pairwise(edges))


def _fit(train: BucketRows, params: ForecastParams) -> tuple[Any, str]:
    sample_weight = train.exposure ** (2 - params.tweedie_power)
    try:
        import lightgbm
    except ImportError:
        return _fit_sklearn(train, sample_weight, params), "scikit-learn"
    options: dict[str, Any] = {
        "objective": "tweedie",
        "tweedie_variance_power": params.tweedie_power,
        "learning_rate": params.boosted_learning_rate,
        "num_leaves": params.boosted_leaves,
        "min_data_in_leaf": 100,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "max_bin": 127,
        "num_threads": params.num_threads,
        "seed": params.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(train.features, train.ratio, weight=sample_weight, free_raw_data=True)
    return Booster(lightgbm.train(options, data, num_boost_round=params.boosted_trees)), "lightgbm"


def _fit_sklearn(train: BucketRows, sample_weight: np.ndarray, params: ForecastParams) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        loss="poisson",
        learning_rate=params.boosted_learning_rate,
        max_iter=params.boosted_trees,
        max_leaf_nodes=params.boosted_leaves,
        min_samples_leaf=100,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=params.seed,
    )
    # a column without any value (last year's sales of a young shop) breaks its binning; LightGBM ignores it
    known = np.isfinite(train.features).any(axis=0)
    return _KnownColumns(model.fit(train.features[:, known], train.ratio, sample_weight=sample_weight), known)


@dataclass(frozen=True)
class Booster:
    """A LightGBM model, which LightGBM itself writes and reads as text."""

    model: Any

    @classmethod
    def from_text(cls, text: str) -> Booster:
        """The model that ``text`` gave."""
        import lightgbm

        return cls(lightgbm.Booster(model_str=text))

    def text(self) -> str:
        """The model as text; read back, it predicts the same numbers."""
        return str(self.model.model_to_string())

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions on one thread: a thousand rows are not worth waking others for."""
        return np.asarray(self.model.predict(features, num_threads=1))


@dataclass(frozen=True)
class _KnownColumns:
    model: Any
    known: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.predict(features[:, self.known]))
