"""What really happened, beside the feeds: true demand, tastes, planted pairs, transit, odd visitors, faults.

Nothing of the pipeline may read it; tests and benchmarks demand it back.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from feeds.simulator.assortment import CATEGORIES, ROOTS
from feeds.simulator.catalogue import DEMAND_CLASSES, FOREVER, Catalogue, sku_id
from feeds.simulator.columns import dates, pick, words
from feeds.simulator.faults import FaultNote
from feeds.simulator.geography import COUNTRIES, LOST_RATIO, METHODS, TRANSIT_MEAN_DAYS, TRANSIT_SHAPE
from feeds.simulator.odd_visitors import BOTS
from feeds.simulator.params import SimulationParams
from feeds.simulator.people import People, customer_id, visitor_id
from feeds.simulator.sessions import Traffic
from feeds.simulator.streams import Array


class Truth:
    """Collects the truth day by day and writes it as Parquet files."""

    def __init__(
        self, params: SimulationParams, catalogue: Catalogue, people: People, traffic: Traffic
    ) -> None:
        self._params, self._catalogue, self._people, self._traffic = params, catalogue, people, traffic
        self._demand: list[pa.Table] = []
        self._days: list[tuple[int, float, int]] = []
        self._skus = words([sku_id(i) for i in range(catalogue.n)])

    def note_day(self, day: int, rates: Array, demanded: Array, sold: Array, in_stock: Array) -> None:
        """Keep a day's demand and sales by SKU and location, of SKUs on sale."""
        sku, location = np.nonzero(np.repeat((rates > 0)[:, None], 2, axis=1))
        wanted, got = demanded[sku, location], sold[sku, location]
        self._demand.append(
            pa.table(
                {
                    "sku": pick(self._skus, sku),
                    "location_id": pick(words(self._params.locations), location),
                    "demand_date": dates(self._params.start, np.full(len(sku), day)),
                    "demanded_units": wanted,
                    "sold_units": got,
                    "lost_units": wanted - got,
                    "is_stocked_out": ~in_stock[sku, location],
                    "seed_rate": np.round(rates[sku], 9),
                }
            )
        )
        self._days.append((day, float(np.round(rates.sum(), 6)), int((demanded - sold).sum())))

    def write(self, folder: Path, notes: list[FaultNote]) -> None:
        """Write every file of the truth."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = {
            "demand": pa.concat_tables(self._demand),
            "days": self._day_rows(),
            "skus": self._sku_rows(),
            "customers": self._customer_rows(),
            "tastes": self._taste_rows(),
            "complements": self._pair_rows(
                self._catalogue.partner, "complement_sku", self._catalogue.partner_ratio
            ),
            "substitutes": self._pair_rows(self._catalogue.rival, "substitute_sku", None),
            "transits": _transit_rows(),
            "odd_visitors": self._odd_rows(),
            "faults": _fault_rows(notes),
        }
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")

    def _day_rows(self) -> pa.Table:
        days, rates, lost = zip(*self._days, strict=True)
        return pa.table(
            {
                "demand_date": dates(self._params.start, np.array(days)),
                "expected_baskets": pa.array(rates, pa.float64()),
                "lost_units": pa.array(lost, pa.int64()),
            }
        )

    def _sku_rows(self) -> pa.Table:
        c = self._catalogue
        retires = c.retire_day < FOREVER
        return pa.table(
            {
                "sku": self._skus,
                "demand_class": pick(words(DEMAND_CLASSES), c.demand_class),
                "base_rate": np.round(c.base_rate, 9),
                "mean_units": c.mean_units,
                "elasticity": np.round(c.elasticity, 9),
                "launch_date": dates(self._params.start, c.launch_day, mask=c.launch_day == 0),
                "retire_date": dates(self._params.start, np.where(retires, c.retire_day, 0), mask=~retires),
                "promised_lead_days": c.lead_days,
            }
        )

    def _customer_rows(self) -> pa.Table:
        people = self._people
        roots = {f"liked_{root.lower()}_brand": people.brand[:, i] for i, root in enumerate(ROOTS)}
        return pa.table(
            {
                "customer_id": words([customer_id(i) for i in range(people.n)]),
                "habit_sku": pick(self._skus, people.habit),
                "has_shared_device": people.device != np.arange(people.n),
                **roots,
            }
        )

    def _taste_rows(self) -> pa.Table:
        n, k = self._people.taste.shape
        customers = words([customer_id(i) for i in range(n)])
        return pa.table(
            {
                "customer_id": pick(customers, np.repeat(np.arange(n), k)),
                "category_id": pick(words([c.category_id for c in CATEGORIES]), np.tile(np.arange(k), n)),
                "preference_ratio": np.round(self._people.taste.reshape(-1), 6),
            }
        )

    def _pair_rows(self, other: Array, name: str, ratio: Array | None) -> pa.Table:
        sku = np.flatnonzero(other >= 0)
        columns = {"sku": pick(self._skus, sku), name: pick(self._skus, other[sku])}
        return pa.table(columns if ratio is None else {**columns, "attach_ratio": ratio[sku]})

    def _odd_rows(self) -> pa.Table:
        people = self._people
        bots = [self._traffic.first_bot + i for i in range(BOTS)]
        shared = sorted(set(people.device[people.device != np.arange(people.n)].tolist()))
        numbers = [*bots, self._traffic.endless, *shared]
        kinds = ["bot"] * BOTS + ["endless"] + ["shared_device"] * len(shared)
        return pa.table({"visitor_id": words([visitor_id(n) for n in numbers]), "kind": words(kinds)})


def _transit_rows() -> pa.Table:
    rows = [(m, c) for m in range(len(METHODS)) for c in range(len(COUNTRIES))]
    return pa.table(
        {
            "shipping_method": words([METHODS[m] for m, _ in rows]),
            "destination_country": words([COUNTRIES[c] for _, c in rows]),
            "gamma_mean_days": pa.array([float(TRANSIT_MEAN_DAYS[m, c]) for m, c in rows]),
            "gamma_shape": pa.array([float(TRANSIT_SHAPE[m]) for m, _ in rows]),
            "lost_ratio": pa.array([LOST_RATIO] * len(rows)),
        }
    )


def _fault_rows(notes: list[FaultNote]) -> pa.Table:
    schema = pa.schema(
        {
            "fault": pa.string(),
            "feed": pa.string(),
            "file": pa.string(),
            "line": pa.int64(),
            "column": pa.string(),
            "rule": pa.string(),
        }
    )
    return pa.Table.from_pylist([vars(note) for note in notes], schema=schema)
