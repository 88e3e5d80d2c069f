"""Typed settings: the one place that reads the environment. Nothing is computed from data here."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parents[1]
DBT_PROJECT = PROJECT_ROOT / "dbt_project"

QUIET_ENVIRONMENT = {
    # Every tool that would phone home is told not to, before it is imported.
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # A batch of partition events is one transaction (see event_log.py).
    "DAGSTER_EVENT_BATCH_SIZE": "1000",
    "PYTHONUTF8": "1",
}


class Settings(BaseSettings):
    """What can be set from outside; each field is ``SHOPWRIGHT_<NAME>`` in the environment or in ``.env``."""

    model_config = SettingsConfigDict(env_prefix="SHOPWRIGHT_", env_file=".env", extra="ignore")

    home: Path = Field(
        default=Path("var"), description="Data home: everything the pipeline stores lies under it."
    )
    shop: str = Field(default="demo", description="Name of the shop, or path of its YAML file.")
    feeds: Path | None = Field(
        default=None, description="Folder that {data} stands for in the shop's sources."
    )
    as_of: date | None = Field(default=None, description="Last day to know; empty: the last day with data.")
    threads: int = Field(default=2, ge=1, le=64, description="Cores that one step may use.")
    steps_at_a_time: int = Field(default=3, ge=1, le=64, description="Steps of a run beside each other.")
    memory_limit: str = Field(default="2GB", description="Memory that DuckDB may use.")
    pseudonym_key: SecretStr | None = Field(default=None, description="Key for personal data, as text.")
    pseudonym_key_file: Path = Field(
        default=Path("~/.config/shopwright/pseudonym.key"),
        description="File with the key for personal data; made on first use, and kept outside the data home.",
    )
    landing: Literal["encrypted", "deleted", "plain"] = Field(
        default="encrypted", description="How landed originals rest once they are accepted."
    )
    landing_key_file: Path | None = Field(
        default=None,
        description="File with the keys of landed originals; empty: landing.keys beside the other key.",
    )
    refit_days: int = Field(default=7, ge=1, description="Days of data after which models are refitted.")
    keep_generations: int = Field(default=5, ge=2, description="Published generations to keep.")
    drop_folder: Path | None = Field(
        default=None, description="Folder where Parquet files with a manifest are dropped for other systems."
    )
    postgres_dsn: SecretStr | None = Field(
        default=None, description="Postgres that also shows what is published: postgresql://user:…@host/db."
    )
    postgres_readers: str = Field(
        default="", description="Postgres roles that may read what is published, separated by commas."
    )
    postgres_keep: int = Field(default=2, ge=1, description="Generations to keep in Postgres.")

    @property
    def data_home(self) -> Path:
        """The data home as an absolute path."""
        return self.home.expanduser().absolute()

    @property
    def feeds_folder(self) -> Path:
        """Where ``{data}`` points: the setting, or the simulator's folder in the data home."""
        return (self.feeds or self.data_home / "feeds" / Path(self.shop).stem).expanduser().absolute()

    def personal_data_key(self) -> bytes:
        """The key that makes personal data unreadable; where none is set, made once, private to its owner."""
        if self.pseudonym_key:
            return self.pseudonym_key.get_secret_value().encode()
        path = self.pseudonym_key_file.expanduser()
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            aside = path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
            descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                handle.write(secrets.token_hex(32))
            # Of several processes that start together the first one's key holds, and none reads half of it.
            with suppress(FileExistsError):
                os.link(aside, path)
            aside.unlink()
        return path.read_text().strip().encode()

    @property
    def landing_keys(self) -> Path:
        """The file with the keys of landed originals; absent until the first rotation."""
        return (self.landing_key_file or self.pseudonym_key_file.with_name("landing.keys")).expanduser()

    def shown(self) -> dict[str, Any]:
        """Every setting as text; secrets are redacted."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: "(not set)" if value is None else str(value) for name, value in values.items()}


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    quiet()
    return Settings()


def quiet() -> None:
    """Switch telemetry off for this process and its children."""
    for name, value in QUIET_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def export(**values: object) -> None:
    """Set settings for this process and its children, and forget what was read before."""
    for name, value in values.items():
        if value is not None:
            os.environ[f"SHOPWRIGHT_{name.upper()}"] = str(value)
    settings.cache_clear()
