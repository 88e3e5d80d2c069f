"""What a demand forecast may be tuned by, and the names that its parts share.

Nothing is computed here. Horizons and windows are counted in demand periods: days, or weeks for weekly shops.
"""

from __future__ import annotations

from dataclasses import dataclass

MODEL_VERSION = "forecast-1"

QUANTILES: dict[str, float] = {
    "units_p05": 0.05,
    "units_p10": 0.10,
    "units_p25": 0.25,
    "units_p50": 0.50,
    "units_p75": 0.75,
    "units_p90": 0.90,
    "units_p95": 0.95,
    "units_p975": 0.975,
}
TOTAL_QUANTILES: dict[str, float] = {**QUANTILES, "units_p99": 0.99}

BLEND = "blend"
BOOSTED = "boosted"
ETS = "auto_ets"
SEASONAL_NAIVE = "seasonal_naive"
SEASONAL_WINDOW = "seasonal_window_average"
SES = "ses"
SBA = "croston_sba"
TSB = "tsb"
RECENT_LEVEL = "recent_level"
FLOORS = (SEASONAL_NAIVE, SEASONAL_WINDOW, SES, SBA, TSB)


@dataclass(frozen=True)
class ForecastParams:
    """What a demand forecast may be tuned by; the defaults are the served ones.

    ``None`` means: take the value that suits the demand period (day or week).
    """

    horizon: int | None = None
    windows: tuple[int, ...] | None = None
    buckets: tuple[int, ...] | None = None
    season: int | None = None
    backtest_origins: int | None = None
    max_history_days: int = 1100
    modelled_series: int = 1200
    ets_series: int = 60
    default_protection_days: int = 14
    longest_protection_days: int = 120
    bias_limit: float = 0.10
    floor_margin: float = 0.05
    boosted_trees: int = 200
    boosted_leaves: int = 31
    boosted_learning_rate: float = 0.07
    tweedie_power: float = 1.7
    boosted_rows: int = 200_000
    num_threads: int = 2
    aggregates: int = 10
    are_promotions_announced: bool = True
    seed: int = 7

    def horizon_of(self, period_days: int) -> int:
        """Periods ahead that are forecast one by one."""
        return self.horizon or (28 if period_days == 1 else 8)

    def origins_of(self, period_days: int) -> int:
        """Origins of the backtest; weekly shops are cheap and their windows hold fewer periods, so they get
        more."""
        return self.backtest_origins or (2 if period_days == 1 else 4)

    def windows_of(self, period_days: int) -> tuple[int, ...]:
        """Lengths of the standard windows whose sums are forecast."""
        return self.windows or ((7, 14, 28) if period_days == 1 else (1, 4, 8))

    def buckets_of(self, period_days: int) -> tuple[int, ...]:
        """Last period ahead of each bucket of the direct model."""
        return self.buckets or ((7, 14, 21, 28) if period_days == 1 else (1, 2, 3, 4, 6, 8))

    def season_of(self, period_days: int) -> int:
        """Periods in one season of the floors: a week of days, or a year of weeks."""
        return self.season or (7 if period_days == 1 else 52)
