"""What must be right on a machine before a run can be: each finding with its remedy."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from orchestration.settings import Settings

NEEDED_DISK_GB = 3
NEEDED_MEMORY_GB = 4
DEV_PORT = 3000
PINS = {"pandas": "3", "numpy": "2.5", "dbt-core": "1.12", "duckdb": "2.1", "pyspark": "4.4"}
"""The first version of each that is known not to work."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at; ``remedy`` is empty when all is well."""

    subject: str
    told: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing needs to be done."""
        return not self.remedy


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; never raises for what it finds."""
    looks: list[Callable[[Settings], Finding]] = [
        _python,
        _versions,
        _java,
        _home,
        _disk,
        _memory,
        _port,
        _key,
        _shop,
    ]
    return [look(settings) for look in looks]


def _python(settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Finding("python", version, "" if ok else "Use Python 3.11, 3.12 or 3.13 and run: make setup")


def _versions(settings: Settings) -> Finding:
    wrong = []
    for name, limit in PINS.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if _parts(found) >= _parts(limit):
            wrong.append(f"{name} {found} (needs < {limit})")
    return Finding("versions", "; ".join(wrong) or "as locked", "Run: make setup" if wrong else "")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _java(settings: Settings) -> Finding:
    from transforms.java import JavaNotFoundError, java_home

    try:
        return Finding("java", str(java_home(settings.data_home / "java")))
    except JavaNotFoundError as missing:
        return Finding("java", "not found", str(missing))


def _home(settings: Settings) -> Finding:
    home = settings.data_home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home):
            return Finding("data home", f"{home} is writable")
    except OSError as refused:
        return Finding(
            "data home", f"{home}: {refused.strerror}", "Set SHOPWRIGHT_HOME to a folder you may write to."
        )


def _disk(settings: Settings) -> Finding:
    folder = next(p for p in (settings.data_home, *settings.data_home.parents) if p.exists())
    free = shutil.disk_usage(folder).free / 1e9
    remedy = (
        ""
        if free >= NEEDED_DISK_GB
        else f"Free {NEEDED_DISK_GB} GB, or set SHOPWRIGHT_HOME to a larger disk."
    )
    return Finding("disk", f"{free:.1f} GB free", remedy)


def _memory(settings: Settings) -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    remedy = (
        ""
        if total >= NEEDED_MEMORY_GB
        else f"Give the machine {NEEDED_MEMORY_GB} GB, or lower SHOPWRIGHT_MEMORY_LIMIT."
    )
    return Finding("memory", f"{total:.1f} GB", remedy)


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        busy = probe.connect_ex(("127.0.0.1", DEV_PORT)) == 0
    told = f"{DEV_PORT} is {'in use' if busy else 'free'}"
    return Finding(
        "port", told, f"Stop what listens on {DEV_PORT}, or run: make dev PORT=3001" if busy else ""
    )


def _key(settings: Settings) -> Finding:
    try:
        settings.personal_data_key()
    except OSError as refused:
        return Finding(
            "pseudonym key",
            str(refused),
            "Set SHOPWRIGHT_PSEUDONYM_KEY, or _KEY_FILE to a file you may write.",
        )
    if settings.pseudonym_key:
        return Finding("pseudonym key", "set in the environment")
    path = settings.pseudonym_key_file.expanduser()
    inside = settings.data_home in path.absolute().parents
    remedy = "Set SHOPWRIGHT_PSEUDONYM_KEY_FILE to a file outside the data home." if inside else ""
    return Finding("pseudonym key", str(path), remedy)


def _shop(settings: Settings) -> Finding:
    from feeds.shop import ShopError, load_shop

    try:
        shop = load_shop(settings.shop, settings.data_home, data=settings.feeds_folder)
    except ShopError as wrong:
        return Finding("shop", settings.shop, str(wrong))
    absent = [source.name for source in shop.sources if not source.exists]
    if len(absent) < len(shop.sources):
        return Finding(
            "shop", f"{shop.name}: {len(shop.sources) - len(absent)} of {len(shop.sources)} sources present"
        )
    return Finding("shop", f"{shop.name}: no source present", "Give --feeds DIR, or run: shopwright simulate")
