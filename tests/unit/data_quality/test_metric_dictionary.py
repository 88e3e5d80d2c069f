"""The metric dictionary: every entry says enough, ratios are of known metrics, the page shows it as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from data_quality.metrics import DICTIONARY, MetricError, load_metrics, markdown

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
ORDERS = {
    "name": "orders",
    "label": "Orders",
    "description": "Orders.",
    "type": "simple",
    "type_params": {"measure": "kept_orders"},
    "config": {"meta": {"formula": "count(orders)", "unit": "orders", "owner": "team:x", "grain": "day"}},
}


def written(folder: Path, *entries: dict[str, object]) -> Path:
    path = folder / "metrics.yml"
    path.write_text(yaml.safe_dump({"version": 2, "metrics": list(entries)}), encoding="utf-8")
    return path


def test_the_page_of_metrics_shows_the_dictionary_as_it_is() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run `python -m data_quality.metrics > docs/metrics.md`"
    )


def test_every_metric_of_the_file_is_on_the_page_with_its_definition() -> None:
    entries = yaml.safe_load(DICTIONARY.read_text(encoding="utf-8"))["metrics"]
    page = markdown()
    assert len(entries) >= 20
    assert [e["name"] for e in entries if f"| `{e['name']}` | {e['description']} |" not in page] == []


def test_a_ratio_is_told_by_the_formula_of_its_two_metrics() -> None:
    ratios = [metric for metric in load_metrics().values() if metric.denominator]
    assert [m.formula for m in ratios] == [f"{m.numerator} / {m.denominator}" for m in ratios]


def test_a_metric_that_does_not_say_its_unit_or_owner_is_refused(tmp_path: Path) -> None:
    meta = {"formula": "count(orders)", "grain": "day"}
    with pytest.raises(MetricError, match="orders does not say its owner, unit"):
        load_metrics(written(tmp_path, {**ORDERS, "config": {"meta": meta}}))


def test_a_metric_that_is_defined_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="orders is defined twice"):
        load_metrics(written(tmp_path, ORDERS, ORDERS))


def test_a_ratio_of_a_metric_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    ratio = {**ORDERS, "name": "share", "type_params": {"numerator": "orders", "denominator": "visits"}}
    with pytest.raises(MetricError, match="share is a ratio of unknown metrics: \\['visits'\\]"):
        load_metrics(written(tmp_path, ORDERS, ratio))
