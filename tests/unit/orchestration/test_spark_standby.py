"""Where no Spark process stands by: nothing is started, and a launch looks for none."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from orchestration.settings import export, settings
from orchestration.spark_standby import standing_by
from orchestration.workspace import Workspace
from transforms.relay import STANDBY

STOCK_ONLY = """
name: stock_only
title: A shop that only counts its stock
time_zone: UTC
currency: EUR
countries: []
sources:
  - {name: stock_levels, path: "{data}/stock", pattern: "*.csv", format: csv, provides: [stock_levels]}
"""


def workspace_of(shop: str, feeds: Path) -> Workspace:
    export(shop=shop, feeds=feeds)
    return Workspace.of(settings())


@pytest.mark.parametrize(
    ("shop", "elsewhere"),
    [
        pytest.param("stock_only", {}, id="a shop without events and orders"),
        pytest.param("demo", {"SPARK_MASTER": "spark://192.0.2.1:7077"}, id="a cluster"),
        pytest.param("demo", {"SPARK_REMOTE": "sc://192.0.2.1"}, id="Spark Connect"),
        pytest.param("demo", {"JAVA_HOME": "/nowhere", "PATH": "/nowhere"}, id="no Java"),
    ],
)
def test_nothing_is_started(
    shop: str, elsewhere: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SPARK_MASTER", "SPARK_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    if "JAVA_HOME" in elsewhere:
        monkeypatch.setattr("transforms.java._packaged_home", lambda: None)
    shops = tmp_path / "home" / "shops"
    shops.mkdir(parents=True)
    (shops / "stock_only.yaml").write_text(STOCK_ONLY)
    before = {process.pid for process in psutil.Process().children()}
    with standing_by(workspace_of(shop, tmp_path)):
        assert STANDBY not in os.environ
        assert {process.pid for process in psutil.Process().children()} <= before
