"""The definitions of two shops: the demo, which has every feed, and vn2, which has few."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from orchestration.settings import export, settings


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dg.Definitions]]:
    """Definitions by shop, each loaded once."""
    from orchestration.definitions import build_defs

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOPWRIGHT_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("SHOPWRIGHT_SHOP", "demo")
        by_shop = {}
        for shop in ("demo", "vn2"):
            export(shop=shop)
            by_shop[shop] = build_defs()
        yield by_shop
    settings.cache_clear()


@pytest.fixture(scope="session")
def demo(loaded: dict[str, dg.Definitions]) -> dg.Definitions:
    return loaded["demo"]


@pytest.fixture(scope="session")
def vn2(loaded: dict[str, dg.Definitions]) -> dg.Definitions:
    return loaded["vn2"]
