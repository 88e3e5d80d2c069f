"""A shop file is understood or refused with file, field and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_quality.contract import all_contracts
from feeds.shop import ShopError, known_shops, load_shop

GOOD = """
name: corner
time_zone: Europe/Berlin
currency: EUR
sources:
  - {name: sales, path: drop, dialect: canonical, provides: [orders, order_lines]}
"""


def write(home: Path, text: str, name: str = "corner") -> Path:
    file = home / "shops" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_four_shipped_shops_load_and_say_what_they_lack(tmp_path: Path) -> None:
    assert set(known_shops()) >= {"demo", "online_retail", "retailrocket", "vn2"}
    demo = load_shop("demo", tmp_path, data=tmp_path)
    assert demo.feeds == {contract.name for contract in all_contracts("feeds")}
    assert demo.sources_of("events")[0].path == tmp_path / "events"
    rockets = load_shop("retailrocket", tmp_path, data=tmp_path)
    assert rockets.feeds == {"events", "products"}
    reason = rockets.missing_reason("orders")
    assert reason is not None
    assert "retailrocket" in reason
    assert "orders" in reason
    assert rockets.missing_reason("events") is None
    assert load_shop("vn2", tmp_path, data=tmp_path).demand_period_days == 7


def test_a_shop_of_the_data_home_wins_over_the_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("corner", "demo"), "demo")
    assert load_shop("demo", tmp_path).feeds == {"orders", "order_lines"}


def test_a_relative_path_is_beside_the_shop_file(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    assert load_shop(file).sources[0].path == file.parent / "drop"


def test_the_first_path_that_exists_is_taken(tmp_path: Path) -> None:
    (tmp_path / "vn2").mkdir()
    assert load_shop("vn2", data=tmp_path).sources[0].path == tmp_path / "vn2"
    assert load_shop("vn2", data=tmp_path / "vn2").sources[0].path == tmp_path / "vn2"


def test_an_unknown_shop_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ShopError, match=r"no shop 'corner'.*demo.*online_retail.*retailrocket.*vn2"):
        load_shop("corner", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Europe/Berlin", "Mars/Olympus", "time_zone 'Mars/Olympus' is unknown"),
        ("currency: EUR", "currency: euro", "currency is 'euro'"),
        ("currency: EUR", "demand_period: month\ncurrency: EUR", "demand_period is 'month'"),
        ("time_zone: Europe/Berlin\n", "", "time_zone is missing"),
        ("dialect: canonical", "dialect: klingon", "no dialect 'klingon'. Known: "),
        ("[orders, order_lines]", "[gossip]", "provides 'gossip', which is no feed"),
        ("path: drop", "format: xlsx, path: drop", "format 'xlsx'"),
        ("path: drop", "connector: pigeon, path: drop", "connector 'pigeon'"),
        ("path: drop, ", "", "has no path"),
        ("path: drop", "paths: drop", "unknown fields"),
        ("path: drop", "encoding: klingon, path: drop", "encoding 'klingon'"),
        ("path: drop", "max_rejected_ratio: 5, path: drop", "max_rejected_ratio 5"),
        ("path: drop", "delimiter: ab, path: drop", "delimiter 'ab'"),
        ("sources:\n", "sources: []\nrest:\n", "unknown fields"),
    ],
)
def test_a_bad_shop_file_is_refused_with_file_and_field(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ShopError) as refused:
        load_shop("corner", tmp_path)
    assert told in str(refused.value)
    assert str(file) in str(refused.value)
