"""What the warehouse is built from, on any engine: tables of the lake and the settings of the shop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from data_quality.contract import Contract, Kind, all_contracts

SHOP_SETTINGS: Final[Mapping[str, str]] = {
    "shop": "varchar",
    "time_zone": "varchar",
    "currency": "varchar",
    "home_country": "varchar",
    "default_location": "varchar",
    "demand_period_days": "integer",
    "as_of": "date",
    "run_id": "varchar",
}
"""Columns of ``control.shop_settings``; a dbt variable would force a full parse at every change."""

CONTRACT_OF_LAYER: Final[Mapping[str, Kind]] = {"raw": "feeds", "core": "core", "ml": "served"}
"""Layers of the lake, and the kind of contract that their tables keep."""


def lake_contracts() -> dict[str, Contract]:
    """Contracts of all tables of the lake, by ``layer/name``."""
    return {
        f"{layer}/{contract.name}": contract
        for layer, kind in CONTRACT_OF_LAYER.items()
        for contract in all_contracts(kind)
    }
