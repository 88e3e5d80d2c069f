"""One small simulated shop, run by the ``shopwright`` command in processes that cannot reach the network."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from feeds.simulator import SimulationParams

GUARD = Path(__file__).parent / "no_network"
FAULTS = ("future_timestamp", "duplicate_rows", "negative_units")
PARAMS = SimulationParams(days=90, skus=40, customers=900, faults=FAULTS)


@dataclass(frozen=True)
class SmallShop:
    """The data home of the demo shop, and the command that works on it."""

    home: Path

    @property
    def feeds(self) -> Path:
        return self.home / "feeds" / "demo"

    @property
    def folder(self) -> Path:
        return self.home / "demo"

    @property
    def last_day(self) -> date:
        return PARAMS.date_of(PARAMS.days - 1)

    @property
    def network_log(self) -> Path:
        return self.home / "network.log"

    @property
    def environment(self) -> dict[str, str]:
        """Settings of this shop only, a guard before the network, Python free to keep what it compiles."""
        # Without the last, each process compiles 2,000 modules anew: 10 s.
        dropped = ("SHOPWRIGHT_", "DAGSTER_", "PYTHONDONTWRITEBYTECODE")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        return inherited | {
            "SHOPWRIGHT_HOME": str(self.home),
            "SHOPWRIGHT_PSEUDONYM_KEY": "a key for tests only",
            "SHOPWRIGHT_NETWORK_LOG": str(self.network_log),
            "PYTHONPATH": str(GUARD),
            "COLUMNS": "200",
        }

    def shopwright(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a user would, in a process without network."""
        command = [str(Path(sys.executable).with_name("shopwright")), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def ask(self, query: str, **values: object) -> list[tuple[object, ...]]:
        """Rows of the published file, as a BI tool would read them."""
        with duckdb.connect(str(self.folder / "published" / "serve.duckdb"), read_only=True) as connection:
            return connection.execute(query, values or None).fetchall()

    def truth(self, query: str) -> list[tuple[object, ...]]:
        """Rows of the simulator's truth; ``{name}`` stands for a truth table's file."""
        names = ("demand", "complements", "substitutes", "faults", "skus")
        files = {name: f"read_parquet('{self.feeds / '_truth' / name}.parquet')" for name in names}
        with duckdb.connect() as connection:
            return connection.execute(query.format(**files)).fetchall()


@pytest.fixture(scope="session")
def params() -> SimulationParams:
    """What the small shop is simulated with."""
    return PARAMS


def _rows_in_files(folder: Path, until: str) -> int:
    total = 0
    for path in folder.iterdir():
        if path.stem > until:
            continue
        if path.suffix == ".parquet":
            total += pq.read_metadata(path).num_rows
        elif path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as lines:
                total += sum(1 for _ in csv.reader(lines)) - 1
        else:
            total += path.read_text(encoding="utf-8").count("\n")
    return total


@pytest.fixture(scope="session")
def rows_in_files() -> Callable[..., int]:
    """Rows in a feed's files up to a day, counted by other readers than the pipeline's."""
    return _rows_in_files


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> SmallShop:
    """Ninety days of a shop, with three kinds of faults planted, that nobody has run yet."""
    from feeds.simulator import simulate

    shop = SmallShop(tmp_path_factory.mktemp("home"))
    simulate(PARAMS, shop.feeds)
    return shop


@pytest.fixture(scope="session")
def first_run(small_shop: SmallShop) -> subprocess.CompletedProcess[str]:
    """The first run of the small shop, made once for all files that read what it published."""
    return small_shop.shopwright("run", "--shop", "demo")
