"""What replenishment may be tuned by. Costs and targets that a shop states per SKU come with the supply
terms."""

from __future__ import annotations

from dataclasses import dataclass

MODEL_VERSION = "replenishment-1"


@dataclass(frozen=True)
class ReplenishmentParams:
    """Defaults for what the supply terms leave open; shares are 0-1, lengths in days.

    ``safety_share`` is the part of (quantile - mean) of the protection period's demand that is kept as
    safety stock on top of the projected stock; 1 keeps all of it.
    """

    service_level_a: float = 0.97
    service_level_b: float = 0.95
    service_level_c: float = 0.90
    default_lead_time_days: float = 7.0
    safety_share: float = 1.0
    least_need_units: float = 0.5
    overstock_multiple: float = 2.0
    xyz_cuts: tuple[float, float] = (0.5, 1.0)

    def service_level_of(self, abc_class: str) -> float:
        """Default target of a class."""
        return {"A": self.service_level_a, "B": self.service_level_b}.get(abc_class, self.service_level_c)
