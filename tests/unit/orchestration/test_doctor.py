"""The doctor finds what is wrong on a machine and says what to do: real conditions, not pretended ones."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from orchestration import doctor
from orchestration.doctor import Finding, examine
from orchestration.settings import Settings


def finding(subject: str, **given: object) -> Finding:
    return next(found for found in examine(Settings(**given)) if found.subject == subject)


def test_a_usable_machine_passes_all_but_the_feeds_that_are_not_there_yet() -> None:
    found = {one.subject: one for one in examine(Settings())}
    assert set(found) == {
        "python", "versions", "java", "data home", "disk", "memory", "port", "pseudonym key", "shop",
    }  # fmt: skip
    assert all(found[subject].ok for subject in ("python", "versions", "java", "data home", "pseudonym key"))
    assert not found["shop"].ok
    assert "shopwright simulate" in found["shop"].remedy


def test_a_home_that_is_a_file_is_told_with_the_setting_to_change(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    told = finding("data home", home=tmp_path / "taken")
    assert str(tmp_path / "taken") in told.told
    assert "SHOPWRIGHT_HOME" in told.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_is_told(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "SHOPWRIGHT_HOME" in finding("data home", home=tmp_path / "locked").remedy


def test_a_busy_port_is_told_with_another_to_take(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        monkeypatch.setattr(doctor, "DEV_PORT", busy.getsockname()[1])
        told = finding("port")
        assert "in use" in told.told
        assert "PORT=" in told.remedy
    assert finding("port").ok


def test_too_little_disk_or_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED_DISK_GB", 10**9)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY_GB", 10**9)
    assert "SHOPWRIGHT_HOME" in finding("disk").remedy
    assert "SHOPWRIGHT_MEMORY_LIMIT" in finding("memory").remedy


def test_a_package_too_new_or_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PINS", {"pandas": "1.0", "no-such-package": "1", "duckdb": "99"})
    told = finding("versions")
    assert "pandas" in told.told
    assert "no-such-package is missing" in told.told
    assert "duckdb" not in told.told
    assert told.remedy == "Run: make setup"


def test_a_key_inside_the_data_home_is_told(tmp_path: Path) -> None:
    told = finding("pseudonym key", home=tmp_path, pseudonym_key_file=tmp_path / "keys" / "k")
    assert "outside the data home" in told.remedy


def test_a_key_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert (
        "SHOPWRIGHT_PSEUDONYM_KEY"
        in finding("pseudonym key", pseudonym_key_file=tmp_path / "file" / "k").remedy
    )


def test_an_unknown_shop_is_told_with_the_known_ones() -> None:
    assert "demo, online_retail, retailrocket, vn2" in finding("shop", shop="nope").remedy


def test_a_shop_with_some_sources_is_well(tmp_path: Path) -> None:
    (tmp_path / "feeds" / "orders").mkdir(parents=True)
    told = finding("shop", feeds=tmp_path / "feeds")
    assert told.ok
    assert "1 of 17 sources present" in told.told
