"""What is new in the folders of the shop's sources: for the range of a run, and for the sensor's cursor."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from feeds.connectors.files import find_files
from feeds.landing import land_source
from feeds.ledger import Ledger
from orchestration.arrivals import arrived_since, has_files, pending_days
from orchestration.settings import Settings
from orchestration.workspace import Workspace


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    return Workspace.of(Settings(shop="demo", feeds=tmp_path / "feeds"))


def dropped(shop: Workspace, feed: str, name: str, text: str = "a\n1\n") -> Path:
    path = shop.settings.feeds_folder / feed / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def land(shop: Workspace, feed: str) -> Ledger:
    """Take the bytes of a feed in, as the first step of a load does."""
    shop.folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(shop.folder / "ledger.sqlite")
    for source in shop.shop.sources_of(feed):
        land_source(source, shop.folder, ledger)
    return ledger


def test_folders_that_are_not_there_hold_nothing_new(shop: Workspace) -> None:
    assert pending_days(shop) is None
    assert not has_files(shop)
    assert arrived_since(shop, None).files == ()


def test_the_range_spans_the_days_in_the_names_of_all_feeds(shop: Workspace) -> None:
    dropped(shop, "orders", "2026-03-02.csv")
    dropped(shop, "events", "2026-02-27.csv")
    dropped(shop, "suppliers", "all.csv")
    assert pending_days(shop) == (date(2026, 2, 27), date(2026, 3, 2))
    assert has_files(shop)


def test_names_without_a_day_give_no_range_but_are_files(shop: Workspace) -> None:
    dropped(shop, "suppliers", "all.csv")
    assert pending_days(shop) is None
    assert has_files(shop)
    assert len(arrived_since(shop, None).files) == 1


def test_a_file_that_landed_but_was_never_loaded_stays_in_the_range(shop: Workspace) -> None:
    dropped(shop, "orders", "2026-03-02.csv")
    land(shop, "orders")
    assert pending_days(shop) == (date(2026, 3, 2),) * 2
    assert arrived_since(shop, None).files == ()


def test_a_consumed_file_leaves_the_range_and_a_changed_one_comes_back(shop: Workspace) -> None:
    path = dropped(shop, "orders", "2026-03-02.csv")
    ledger = land(shop, "orders")
    ledger.begin("orders", ledger.pending("orders", ["orders"]), 1)
    ledger.finish("orders", 1, "done", {})
    assert pending_days(shop) is None
    path.write_text("a\n1\n2\n")
    assert pending_days(shop) == (date(2026, 3, 2),) * 2


def test_the_cursor_tells_the_same_files_apart_from_new_ones(shop: Workspace) -> None:
    dropped(shop, "orders", "2026-03-02.csv")
    first = arrived_since(shop, None)
    assert first.days == (date(2026, 3, 2),) * 2
    again = arrived_since(shop, first.cursor)
    assert (again.files, again.cursor) == ((), first.cursor)
    dropped(shop, "orders", "2026-03-03.csv")
    more = arrived_since(shop, first.cursor)
    assert more.days == (date(2026, 3, 2), date(2026, 3, 3))
    assert more.cursor != first.cursor


def test_the_files_found_are_those_that_the_connector_would_read(shop: Workspace) -> None:
    path = dropped(shop, "orders", "2026-03-02.csv")
    dropped(shop, "orders", ".hidden.csv")
    source = shop.shop.sources_of("orders")[0]
    read = find_files(source.path, source.pattern, source.format, source.settle_seconds)
    assert [file.path for file in arrived_since(shop, None).files] == [file.path for file in read] == [path]
