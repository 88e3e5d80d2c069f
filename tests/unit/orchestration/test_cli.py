"""The ``shopwright`` command: help, settings, and one clear message with exit code 2 for a user's mistake."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app, main


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the entry point as the shell would; gives the exit code."""
    monkeypatch.setattr(sys, "argv", ["shopwright", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    for command in ("run", "simulate", "doctor", "config", "dev", "publish", "quarantine"):
        assert f" {command} " in shown.stdout


@pytest.mark.parametrize("command", [["run"], ["publish", "rollback"], ["quarantine", "list"], ["dev"]])
def test_each_command_explains_itself(command: list[str]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"])
    assert shown.exit_code == 0
    assert "--shop" in shown.stdout


def test_config_shows_settings_and_hides_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOPWRIGHT_PSEUDONYM_KEY", "open sesame")
    shown = CliRunner().invoke(app, ["config"])
    assert f"SHOPWRIGHT_HOME={tmp_path / 'home'}" in shown.stdout.splitlines()
    assert "SHOPWRIGHT_AS_OF=(not set)" in shown.stdout.splitlines()
    assert "sesame" not in shown.stdout


def test_an_unknown_shop_ends_with_2_and_lists_the_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(monkeypatch, "run", "--shop", "nope") == 2
    told = capsys.readouterr().err
    assert "There is no shop 'nope'. Known shops: demo, online_retail, retailrocket, vn2." in told
    assert "Traceback" not in told


def test_a_feeds_folder_that_is_not_there_ends_with_2_and_says_what_to_give(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert exit_code(monkeypatch, "run", "--feeds", str(tmp_path / "nowhere")) == 2
    told = capsys.readouterr().err
    assert str(tmp_path / "nowhere") in told
    assert "--feeds" in told
    assert "shopwright simulate" in told


def test_an_empty_feeds_folder_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for feed in ("orders", "order_lines", "events"):
        (tmp_path / "feeds" / feed).mkdir(parents=True)
    assert exit_code(monkeypatch, "run", "--feeds", str(tmp_path / "feeds")) == 2
    told = capsys.readouterr().err
    assert "No file lies in the sources of shop 'demo'" in told
    assert "--feeds" in told


def test_a_word_that_is_no_date_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_code(monkeypatch, "run", "--as-of", "yesterday") == 2


def test_rolling_back_before_anything_is_published_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(monkeypatch, "publish", "rollback") == 2
    assert capsys.readouterr().err.startswith("error:")


def test_the_doctor_ends_with_1_when_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_code(monkeypatch, "doctor", "--shop", "nope") == 1


def test_simulate_writes_where_it_says(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    sized = ["--days", "2", "--skus", "24", "--customers", "50", "--to", str(folder)]
    shown = CliRunner().invoke(app, ["simulate", *sized])
    assert shown.exit_code == 0
    assert f"Wrote {folder}" in shown.stdout
    assert sorted(path.name for path in (folder / "orders").iterdir())[0] == "2025-01-01.csv"


def test_nothing_in_quarantine_is_an_empty_table() -> None:
    shown = CliRunner().invoke(app, ["quarantine", "list"])
    assert shown.exit_code == 0
