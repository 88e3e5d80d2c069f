"""The kit passes every shipped dialect and fails, check by check, one with a fault planted for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from feeds.conformance import CHECKS, ConformanceError, conformance
from feeds.dialect import DialectError, known_dialects, load_dialect
from feeds.report import FeedError
from feeds.simulator import SimulationParams, simulate

SAMPLES = Path(__file__).parents[2] / "data" / "dialects"


@pytest.mark.parametrize("dialect", [name for name in known_dialects() if name != "canonical"])
def test_a_shipped_dialect_conforms(dialect: str) -> None:
    told = conformance(dialect, SAMPLES / dialect)
    told.raise_for_failures()
    assert {check.feed for check in told.checks} == set(load_dialect(dialect).feeds)
    assert len(told.checks) == len(CHECKS) * len(load_dialect(dialect).feeds)
    assert min(told.accepted.values()) >= 1


def test_the_canonical_dialect_conforms_on_what_the_simulator_sends(tmp_path: Path) -> None:
    simulate(SimulationParams(days=4, skus=24, customers=60), tmp_path)
    feeds = [f for f in load_dialect("canonical").feeds if any((tmp_path / f).glob("*"))]
    few = ["orders", "order_lines", "products", "payments", "events"]
    assert set(few) <= set(feeds)
    conformance("canonical", tmp_path, feeds=few).raise_for_failures()


def test_new_dialects_stay_short() -> None:
    for name in ("taobao", "jd", "ali1688", "shopify", "olist", "complete_journey"):
        file = Path(conformance.__code__.co_filename).parent / "dialects" / f"{name}.yaml"
        assert len(file.read_text(encoding="utf-8").splitlines()) < 120, name


GOOD: dict[str, Any] = {
    "name": "tills",
    "shapes": {"receipts": {"columns": ["receipt", "made", "state", "paid", "changed"]}},
    "statuses": {"states": {"makes": "orders.order_status", "values": {"P": "paid", "D": "delivered"}}},
    "feeds": {
        "orders": {
            "rows": "source left join states on state = told",
            "columns": {
                "order_id": "receipt", "ordered_at": "in_zone(made, 'UTC')", "currency": "'EUR'",
                "updated_at": "in_zone(changed, 'UTC')", "order_status": "meaning(state, means)",
                "gross_amount": "paid", "total_amount": "paid",
            },
        }
    },
}  # fmt: skip
HEADER = "receipt,made,state,paid,changed"
LINES = [
    "1,2026-01-01 10:00:00,P,9.50,2026-01-01 11:00:00",
    "2,2026-01-02 10:00:00,D,8.00,2026-01-02 11:00:00",
]


def with_fault(fault: str) -> tuple[dict[str, Any], list[str]]:
    """The good dialect and its sample with one thing wrong."""
    document = yaml.safe_load(yaml.safe_dump(GOOD))
    feed, lines = document["feeds"]["orders"], [HEADER, *LINES]
    if fault == "required_columns":
        del feed["columns"]["gross_amount"]
    elif fault == "types":
        feed["columns"]["total_amount"] = "concat(paid, ' euros')"
    elif fault == "keys":
        lines.append("1,2026-01-01 10:00:00,P,7.00,2026-01-01 11:00:00")
    elif fault == "conservation":
        feed["rows"] = "(select * from source where state <> 'D') left join states on state = told"
    elif fault == "statuses":
        document["statuses"]["states"]["values"]["D"] = "arrived"
    elif fault == "source_columns":
        lines = [line + suffix for line, suffix in zip(lines, (",till", ",1", ",2"), strict=True)]
    elif fault == "determinism":
        feed["columns"]["coupon_code"] = "uuid()"
    elif fault == "line_numbers":
        feed["rows"] = (
            "(select * replace (_line + 100 as _line) from source) left join states on state = told"
        )
    return document, lines


def judge(tmp_path: Path, document: dict[str, Any], lines: list[str]) -> dict[str, bool]:
    file, sample = tmp_path / "tills.yaml", tmp_path / "sample"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    sample.mkdir()
    (sample / "receipts.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {check.name: check.ok for check in conformance(str(file), sample).checks}


def test_the_dialect_without_a_fault_conforms(tmp_path: Path) -> None:
    assert judge(tmp_path, GOOD, [HEADER, *LINES]) == dict.fromkeys(CHECKS, True)


@pytest.mark.parametrize("fault", CHECKS)
def test_a_planted_fault_fails_its_check(fault: str, tmp_path: Path) -> None:
    verdict = judge(tmp_path, *with_fault(fault))
    assert verdict[fault] is False
    # A missing line has no number either, and where no row is of its types none is accepted.
    others = {name for name, ok in verdict.items() if not ok} - {fault}
    assert others <= {"conservation": {"line_numbers"}, "types": {"required_columns"}}.get(fault, set())


def test_lost_items_of_nested_records_fail_conservation(tmp_path: Path) -> None:
    source = yaml.safe_load(
        (SAMPLES.parents[2] / "feeds" / "dialects" / "taobao.yaml").read_text(encoding="utf-8")
    )
    source["views"]["lines"] = source["views"]["lines"].replace(
        "range(1, len(list) + 1)", "range(1, len(list))"
    )
    source["lookups"] = {}
    source["feeds"] = {"order_lines": source["feeds"]["order_lines"]}
    file = tmp_path / "taobao.yaml"
    file.write_text(yaml.safe_dump(source, allow_unicode=True, sort_keys=False), encoding="utf-8")
    told = conformance(str(file), SAMPLES / "taobao")
    assert [check.name for check in told.failures] == ["conservation"]
    assert "items" in told.failures[0].told


def test_an_untold_column_with_values_fails(tmp_path: Path) -> None:
    document = {**GOOD, "untold": {"orders": ["currency", "coupon_code"]}}
    assert judge(tmp_path, document, [HEADER, *LINES])["required_columns"] is False


def test_failures_name_feed_check_and_finding(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(
        yaml.safe_dump({**GOOD, "name": "broken"}).replace("in_zone(made", "nonsense(made"), encoding="utf-8"
    )
    (tmp_path / "receipts.csv").write_text("\n".join([HEADER, *LINES]), encoding="utf-8")
    with pytest.raises(ConformanceError, match="orders: types: the feed cannot be made"):
        conformance(str(file), tmp_path).raise_for_failures()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"feeds": {"orders": {"columns": {"order_no": "receipt"}}}}, "order_no"),
        ({"feeds": {"ordres": {"columns": {"order_id": "receipt"}}}}, "ordres"),
        ({"feeds": {"orders": {"from": "bills", "columns": {"order_id": "receipt"}}}}, "bills"),
        ({"shapes": None}, "shapes"),
    ],
)
def test_a_dialect_that_cannot_be_is_refused_with_what_is_wrong(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "odd.yaml"
    document = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(DialectError, match=message):
        load_dialect(str(file))


def test_an_empty_sample_is_told(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="holds no sample of dialect olist"):
        conformance("olist", tmp_path)
