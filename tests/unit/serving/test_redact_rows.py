"""Which published rows are a customer's, whatever the column is called that says so."""

from __future__ import annotations

import duckdb
import pytest

from serving.redact import _borrowed, _mine

GONE, HIS_VISITOR = "C1", "V1"


@pytest.mark.parametrize(
    ("columns", "rows", "theirs"),
    [
        (("person_id",), [("C1",), ("C2",)], [("C1",)]),
        (
            ("shopper_id",),
            [("C1",), ("visitor V1",), ("C2",), ("visitor V2",)],
            [("C1",), ("visitor V1",)],
        ),
        (
            ("visitor_id", "shopper_id"),
            [("V1", "V1"), ("V2", "C1"), ("V3", "V3")],
            [("V1", "V1"), ("V2", "C1")],
        ),
        (
            ("visitor_id", "person_id"),
            [("V1", "C2"), ("V1", None), ("V9", "C1"), ("V9", "C2")],
            [("V1", "C2"), ("V1", None), ("V9", "C1")],
        ),
        (
            ("customer_id", "person_id"),
            [("C2", "C1"), (None, "C1"), ("C1", "C1")],
            [(None, "C1"), ("C1", "C1")],
        ),
        (
            ("customer_id", "visitor_id"),
            [("C2", "V1"), (None, "V1"), ("C1", None), (None, "V2")],
            [(None, "V1"), ("C1", None)],
        ),
        (("customer_id",), [("C1",), (None,), ("C2",)], [("C1",)]),
    ],
)
def test_a_row_is_its_customers_and_by_another_link_only_where_it_names_no_customer(
    columns: tuple[str, ...], rows: list[tuple[str | None, ...]], theirs: list[tuple[str | None, ...]]
) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create table t ({', '.join(f'{column} varchar' for column in columns)})")
        connection.executemany(f"insert into t values ({', '.join('?' * len(columns))})", rows)
        mine = _mine(set(columns), [GONE], [HIS_VISITOR])
        assert connection.execute(f"select * from t where {mine}").fetchall() == theirs


def test_anothers_row_gives_back_the_identifier_that_both_accounts_had() -> None:
    assert _borrowed({"customer_id", "person_id", "shopper_id"}) == ["person_id", "shopper_id"]
    assert _borrowed({"person_id"}) == []
