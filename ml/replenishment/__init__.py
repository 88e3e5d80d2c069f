"""Replenishment: when and how much to order, from forecasts, supply terms and stock; replayed before it is
trusted."""

from ml.replenishment.params import ReplenishmentParams
from ml.replenishment.plan import ReplenishmentPlan, plan_replenishment, proposal_id, recomputed_units

__all__ = [
    "ReplenishmentParams",
    "ReplenishmentPlan",
    "plan_replenishment",
    "proposal_id",
    "recomputed_units",
]
