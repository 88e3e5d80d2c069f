"""The manifest belongs to the dbt project as it is: kept while nothing changes, else made anew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from orchestration import dbt_manifest
from orchestration.settings import DBT_PROJECT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dbt project without what dbt made of it."""
    copy = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr(dbt_manifest, "DBT_PROJECT", copy)
    monkeypatch.setattr(dbt_manifest, "TARGET", copy / "target")
    return copy


def test_the_digest_follows_content_and_names_of_files(project: Path) -> None:
    before = dbt_manifest.project_digest()
    assert dbt_manifest.project_digest() == before
    model = next((project / "models").rglob("fct_orders.sql"))
    model.rename(model.with_name("fct_orders_renamed.sql"))
    renamed = dbt_manifest.project_digest()
    model.with_name("fct_orders_renamed.sql").rename(model)
    model.write_text(model.read_text() + "\n")
    assert len({before, renamed, dbt_manifest.project_digest()}) == 3


def test_a_manifest_of_the_same_project_is_not_made_again(project: Path) -> None:
    (project / "target").mkdir()
    (project / "target" / "manifest.json").write_text("kept")
    (project / "target" / "manifest.sha256").write_text(dbt_manifest.project_digest())
    assert dbt_manifest.ensure_manifest().read_text() == "kept"


@pytest.mark.slow
def test_a_stale_manifest_is_made_anew_and_a_broken_project_says_where(project: Path) -> None:
    (project / "target").mkdir()
    (project / "target" / "manifest.json").write_text("stale")
    (project / "target" / "manifest.sha256").write_text("of another project")
    manifest = json.loads(dbt_manifest.ensure_manifest().read_text())
    assert "model.shopwright.fct_orders" in manifest["nodes"]
    assert (project / "target" / "manifest.sha256").read_text() == dbt_manifest.project_digest()

    broken = next((project / "models").rglob("fct_orders.sql"))
    broken.write_text("select * from {{ ref('no_such_model') }}")
    with pytest.raises(dbt_manifest.DbtParseError, match="no_such_model"):
        dbt_manifest.ensure_manifest()
    # what describes another project is not taken for this one
    assert (project / "target" / "manifest.sha256").read_text() != dbt_manifest.project_digest()
