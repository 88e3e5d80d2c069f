"""Settings come from the environment and from .env; secrets are never shown, the key is its owner's."""

from __future__ import annotations

import os
import stat
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestration.settings import PROJECT_ROOT, QUIET_ENVIRONMENT, Settings, export, settings


def test_the_environment_sets_every_field(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOPWRIGHT_SHOP", "vn2")
    monkeypatch.setenv("SHOPWRIGHT_AS_OF", "2026-03-10")
    monkeypatch.setenv("SHOPWRIGHT_THREADS", "3")
    known = Settings()
    assert (known.shop, known.as_of, known.threads) == ("vn2", date(2026, 3, 10), 3)
    assert known.data_home == tmp_path / "home"


def test_a_dotenv_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("SHOPWRIGHT_SHOP=vn2\nSHOPWRIGHT_THREADS=4\n")
    monkeypatch.setenv("SHOPWRIGHT_THREADS", "1")
    assert (Settings().shop, Settings().threads) == ("vn2", 1)


@pytest.mark.parametrize(("name", "value"), [("THREADS", "0"), ("KEEP_GENERATIONS", "1"), ("AS_OF", "soon")])
def test_a_setting_out_of_range_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SHOPWRIGHT_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPWRIGHT_PSEUDONYM_KEY", "open sesame")
    known = Settings()
    assert "sesame" not in str(known.shown()) + repr(known) + str(known)
    assert known.shown()["pseudonym_key"] == "**********"
    assert known.personal_data_key() == b"open sesame"


def test_the_key_file_is_made_once_outside_the_home_for_its_owner_only(tmp_path: Path) -> None:
    first = Settings().personal_data_key()
    file = tmp_path / "config" / "pseudonym.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(first) == 64
    assert Settings().personal_data_key() == first
    assert Settings().data_home not in file.parents


def test_the_default_key_file_lies_in_the_users_own_folder() -> None:
    assert (
        not Settings.model_fields["pseudonym_key_file"]
        .default.expanduser()
        .is_relative_to(Path("var").absolute())
    )


def test_the_feeds_folder_is_the_simulators_unless_one_is_given(tmp_path: Path) -> None:
    assert Settings(shop="demo").feeds_folder == tmp_path / "home" / "feeds" / "demo"
    assert Settings(shop="shops/mine.yaml").feeds_folder == tmp_path / "home" / "feeds" / "mine"
    assert Settings(feeds=Path("elsewhere")).feeds_folder == tmp_path / "elsewhere"


def test_export_reaches_this_process_and_its_children_and_leaves_what_is_none(tmp_path: Path) -> None:
    assert settings().shop == "demo"
    export(shop="vn2", feeds=None, as_of=date(2026, 1, 31))
    assert (settings().shop, settings().feeds, settings().as_of) == ("vn2", None, date(2026, 1, 31))
    assert os.environ["SHOPWRIGHT_AS_OF"] == "2026-01-31"
    assert "SHOPWRIGHT_FEEDS" not in os.environ


def test_reading_the_settings_switches_telemetry_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in QUIET_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    settings()
    assert os.environ["DAGSTER_DISABLE_TELEMETRY"] == "1"
    assert os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_every_setting_is_documented() -> None:
    told = (PROJECT_ROOT / "docs" / "orchestration.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"| `SHOPWRIGHT_{name.upper()}` |" not in told] == []
