"""Pushed deliveries are news to the sensor until an ingestion has read them; a pulled source is no folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.connectors.pull import land_pull
from feeds.connectors.spool import Delivery, SpoolWriter
from feeds.connectors.webhook import spool_folder
from feeds.ledger import Ledger
from orchestration.arrivals import arrived_since, has_files, pending_days
from orchestration.settings import Settings
from orchestration.workspace import Workspace

SHOP = """
name: pushed
time_zone: Europe/Berlin
currency: EUR
sources:
  - {name: push, connector: webhook, provides: [events], pull: {secret_env: PUSH_SECRET}}
  - {name: api, connector: rest, provides: [orders], pull: {base_url: "https://shop.example"}}
"""


@pytest.fixture
def pushed(tmp_path: Path) -> Workspace:
    (tmp_path / "shops").mkdir()
    (tmp_path / "shops" / "pushed.yaml").write_text(SHOP)
    return Workspace.of(Settings(home=tmp_path, shop="pushed"))


def test_spooled_deliveries_are_news_until_they_are_ingested(pushed: Workspace) -> None:
    assert has_files(pushed)
    assert arrived_since(pushed, None).files == ()
    writer = SpoolWriter(spool_folder(pushed.folder, "push"))
    writer.append([Delivery("d1", b'{"event_id": "e1"}')])
    first = arrived_since(pushed, None)
    assert [file.name for file in first.files] == ["segment-00000001.log"]
    assert first.days is None
    assert arrived_since(pushed, first.cursor).files == ()
    writer.append([Delivery("d2", b'{"event_id": "e2"}')])
    assert len(arrived_since(pushed, first.cursor).files) == 1

    source = pushed.shop.sources_of("events")[0]
    land_pull(source, "events", pushed.folder, Ledger(pushed.folder / "ledger.sqlite"))
    assert arrived_since(pushed, first.cursor).files == ()
    assert pending_days(pushed) is None
    writer.append([Delivery("d3", b'{"event_id": "e3"}')])
    assert len(arrived_since(pushed, None).files) == 1
