"""What a simulated shop may be tuned by, and what a simulation reports. No behaviour belongs here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

FEWEST_SKUS, FEWEST_CUSTOMERS, FEWEST_DAYS_WITH_FAULTS = 24, 50, 25


@dataclass(frozen=True)
class SimulationParams:
    """Size, seed and first day of a simulated shop; the defaults are the demo shop.

    About 0.019 orders a customer and day are wanted, so the defaults give about 60,000 orders and 500,000
    events. ``faults`` names entries of ``feeds.simulator.FAULTS``.
    """

    days: int = 400
    skus: int = 600
    customers: int = 8_000
    seed: int = 7
    start: date = date(2025, 1, 1)
    faults: tuple[str, ...] = ()
    time_zone: str = "Europe/Berlin"
    currency: str = "EUR"
    locations: tuple[str, str] = ("WH-EU", "WH-UK")

    def __post_init__(self) -> None:
        from feeds.simulator.faults import FAULTS

        ZoneInfo(self.time_zone)
        if self.days < 1 or self.seed < 0:
            raise ValueError(f"Got days={self.days}, seed={self.seed}, but days must be >= 1 and seed >= 0.")
        if self.skus < FEWEST_SKUS or self.customers < FEWEST_CUSTOMERS:
            raise ValueError(
                f"Got skus={self.skus}, customers={self.customers}, but a shop needs at least "
                f"{FEWEST_SKUS} SKUs and {FEWEST_CUSTOMERS} customers."
            )
        if not 2020 <= self.start.year <= 2028:
            raise ValueError(f"Got start={self.start}, but the festival table covers starts in 2020 to 2028.")
        if self.currency != "EUR":
            raise ValueError(
                f"Got currency={self.currency!r}, but the simulated shop keeps its books in EUR."
            )
        if unknown := sorted(set(self.faults) - set(FAULTS)):
            raise ValueError(f"Got unknown faults {unknown}, but expected some of {sorted(FAULTS)}.")
        if self.faults and self.days < FEWEST_DAYS_WITH_FAULTS:
            raise ValueError(
                f"Got days={self.days} with faults, but faults happen within the first "
                f"{FEWEST_DAYS_WITH_FAULTS} days: simulate at least as many."
            )

    def date_of(self, day: int) -> date:
        """The date of a day of the simulation, counted from 0."""
        return self.start + timedelta(days=day)

    @property
    def order_rate(self) -> float:
        """Baskets wanted on an average day."""
        return 0.0178 * self.customers


@dataclass(frozen=True)
class SimulationSummary:
    """What a simulation wrote: rows and files a feed, the folder of the truth, and how long it took."""

    out_dir: Path
    truth_dir: Path
    first_date: date
    last_date: date
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def n_rows(self) -> int:
        """Rows over all feeds."""
        return sum(self.rows.values())

    @property
    def n_files(self) -> int:
        """Feed files, without the truth."""
        return sum(self.files.values())
