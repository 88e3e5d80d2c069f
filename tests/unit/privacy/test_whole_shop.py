"""A simulated shop up to a published generation: no personal value anywhere, then one customer less."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SHOPWRIGHT = Path(__file__).resolve().parents[3] / ".venv" / "bin" / "shopwright"


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(1800)
def test_a_whole_run_leaves_nothing_personal_and_a_forgotten_customer_leaves_no_trace(
    tmp_path: Path, found_under: Callable[[Path, list[str]], dict[str, list[str]]]
) -> None:
    environment = {
        **os.environ,
        "SHOPWRIGHT_HOME": str(tmp_path / "home"),
        "SHOPWRIGHT_PSEUDONYM_KEY_FILE": str(tmp_path / "keys" / "pseudonym.key"),
    }

    def shopwright(*arguments: str) -> str:
        done = subprocess.run(
            [SHOPWRIGHT, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    feeds, shop = tmp_path / "feeds", tmp_path / "home" / "demo"
    size = ("--days", "60", "--skus", "60", "--customers", "400")
    shopwright("simulate", *size, "--fault", "wrong_type", "--fault", "ragged_line", "--to", str(feeds))
    told = shopwright("run", "--feeds", str(feeds))
    with sorted((feeds / "customers").glob("*.csv"))[0].open(encoding="utf-8") as file:
        people = list(csv.DictReader(file))
    personal = [value for p in people for value in (p["email"], p["phone"], p["full_name"]) if len(value) > 5]
    assert len(personal) > 500
    assert [value for value in personal if value in told] == []
    assert found_under(shop, personal) == {}
    gone = people[-1]["customer_id"]
    assert len(found_under(shop, [gone])) > 5
    shopwright("forget", gone, "--requested-by", "a test")
    assert found_under(shop, [gone]) == {}
    shopwright("run", "--feeds", str(feeds))
    assert found_under(shop, [gone]) == {}
