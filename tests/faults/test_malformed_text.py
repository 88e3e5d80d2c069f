"""CSV and JSON that real senders get wrong: each file has its planted outcome, and no row is lost."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


m = _load("malformed")
Case, csv, event, price, AT, EVENTS = m.Case, m.csv, m.event, m.price, m.AT, m.EVENTS
json_event = m.json_event
E = [event(n) for n in range(4)]
J = [json_event(n) for n in range(4)]
AGAIN = "event_id,visitor_id,event_type,occurred_at,sku,search_query"

CSV = [
    Case("ragged_short", "a.csv", csv(E[0], f"e1,v,view,{AT}", E[2]), 2, {"csv_missing_columns": 1}),
    Case("ragged_long", "a.csv", csv(E[0], E[1] + ",x,y", E[2]), 2, {"csv_too_many_columns": 1}),
    Case("trailing_comma_on_every_row", "a.csv", csv(E[0] + ",", E[1] + ","), 2),
    Case("trailing_comma_everywhere", "a.csv", csv(E[0] + ",", E[1] + ",", header=AGAIN + ","), 2),
    Case("unclosed_quote", "a.csv", csv(E[0], event(1, '"red'), E[2]), 2, {"unterminated_quote": 1}),
    Case("text_after_quote", "a.csv", csv(E[0], event(1, '"a"b'), E[2]), 2, {"csv_unquoted_value": 1}),
    Case("inch_mark_inside_a_value", "a.csv", csv(E[0], event(1, '5" nail'), E[2]), 3),
    Case("quoted_line_break", "a.csv", csv(E[0], event(1, '"red\nshoes"'), E[2]), 3),
    Case("two_quotes_swallow_lines", "a.csv", csv(event(0, '"a'), E[1], event(2, 'b"')), 1),
    Case(
        "backslash_quotes", "a.csv", csv(E[0], event(1, '"a \\"b\\" c"'), E[2]), 2, {"csv_unquoted_value": 1}
    ),
    Case("smart_quotes", "a.csv", csv(event(0, "“red”"), event(1, "it’s")), 2),
    Case("nul_in_a_value", "a.csv", csv(E[0], event(1, "a\0b"), E[2]), 2, {"search_query_contains_nul": 1}),
    Case("nuls_at_the_end", "a.csv", csv(E[0], E[1]) + b"\0" * 64, 2, {"csv_missing_columns": 1}),
    Case("mixed_line_ends", "a.csv", f"{EVENTS}\r\n{E[0]}\n{E[1]}\r{E[2]}\r\n".encode(), 3),
    Case("old_mac_line_ends", "a.csv", csv(*E, end="\r"), 4),
    Case("no_last_line_end", "a.csv", csv(*E)[:-1], 4),
    Case("blank_lines", "a.csv", csv(E[0], "", "", E[1], ""), 2),
    Case("cut_off_in_the_last_row", "a.csv", csv(*E)[:-24], 3, {"csv_missing_columns": 1}),
    Case("byte_order_mark", "a.csv", b"\xef\xbb\xbf" + csv(*E), 4),
    Case(
        "byte_order_mark_inside", "a.csv", csv(E[0], "\ufeff" + E[1], E[2]), 2, {"byte_order_mark_inside": 1}
    ),
    Case(
        "two_files_in_one",
        "a.csv",
        csv(E[0]) + b"\xef\xbb\xbf" + csv(E[1]),
        2,
        {"byte_order_mark_inside": 1},
    ),
    Case("header_twice", "a.csv", csv(E[0]) + csv(E[1]), 2, {"csv_header_again": 1}),
    Case(
        "duplicate_header",
        "a.csv",
        csv(event(0) + ",B", header=AGAIN + ",sku"),
        refused="names the column sku",
    ),
    Case("blank_header_names", "a.csv", csv(E[0] + ",1,2", header=AGAIN + ",,"), refused="twice"),
    Case("empty", "a.csv", b""),
    Case("only_line_ends", "a.csv", b"\n\n\r\n"),
    Case("only_a_header", "a.csv", csv()),
    Case("no_header", "a.csv", "\n".join(E).encode(), refused="line 1 lacks the column event_id"),
    Case(
        "title_above_the_header", "a.csv", b"Export of today\n" + csv(*E), refused="line 1 lacks the column"
    ),
    Case("semicolons", "a.csv", csv(*E).replace(b",", b";"), refused="`delimiter` in the shop file to ';'"),
    Case("tabs_in_csv", "a.csv", csv(*E).replace(b",", b"\t"), refused="tabs"),
    Case("tabs_in_tsv", "a.tsv", csv(*E).replace(b",", b"\t"), 4),
    Case(
        "missing_column",
        "a.csv",
        csv("e1,v,view", header="event_id,visitor_id,event_type"),
        refused="occurred_at",
    ),
    Case("upper_case_header", "a.csv", csv(*E, header=AGAIN.upper()), 4),
    Case("spaces_around_names", "a.csv", csv(*E, header=AGAIN.replace(",", " , ")), 4),
    Case("spaces_around_values", "a.csv", csv(event(0).replace(",", " , ")), 1),
    Case("same_row_twice", "a.csv", csv(E[0], E[1], E[1]), 2, deduplicated=1),
    Case("same_key_other_values", "a.csv", csv(E[0], E[1], event(1, sku="B")), 2, {"key_conflict": 1}),
    Case(
        "web_page", "a.csv", b"<!doctype html><html><body>Sign in</body></html>", refused="lacks the column"
    ),
    Case("one_endless_line", "a.csv", b"x" * (9 << 20), refused="a.csv"),
    Case(
        "scientific_ids",
        "a.csv",
        csv(event(0, sku="1.23457E+12"), E[1]),
        1,
        {"csv_id_in_scientific_notation": 1},
    ),
    Case(
        "serial_dates",
        "a.csv",
        csv(price("a", "46054.4166"), price("b"), header=m.PRICES),
        1,
        {"valid_from_type": 1},
        feed="prices",
    ),
    Case(
        "mixed_dates",
        "a.csv",
        csv(price("a", "02.01.2026"), price("b", "1/2/2026"), price("c", "2026-02-01"), header=m.PRICES),
        1,
        {"valid_from_type": 2},
        feed="prices",
    ),
    Case(
        "decimal_commas",
        "a.csv",
        csv(*(price(s, amount="1,50") for s in "abc"), header=m.PRICES),
        0,
        {"csv_too_many_columns": 3},
        feed="prices",
    ),
    Case(
        "quoted_decimal_commas",
        "a.csv",
        csv(price("a", amount='"1,50"'), price("b"), header=m.PRICES),
        1,
        {"price_amount_type": 1},
        feed="prices",
    ),
    Case(
        "thousands_separators",
        "a.csv",
        csv(price("a", amount='"1,234.50"'), price("b", amount="1'234.50"), header=m.PRICES),
        0,
        {"price_amount_type": 2},
        feed="prices",
    ),
    Case(
        "currency_signs",
        "a.csv",
        csv(price("a", amount="€1.50"), price("b", amount="1.50 EUR"), header=m.PRICES),
        0,
        {"price_amount_type": 2},
        feed="prices",
    ),
    Case(
        "not_a_number",
        "a.csv",
        csv(price("a", amount="NaN"), price("b", amount="#REF!"), header=m.PRICES),
        0,
        {"price_amount_type": 2},
        feed="prices",
    ),
    Case(
        "negative_price",
        "a.csv",
        csv(price("a", amount="-1"), price("b"), header=m.PRICES),
        1,
        {"price_amount_minimum": 1},
        feed="prices",
    ),
    Case(
        "damaged_utf8",
        "a.csv",
        csv(event(0, "Größe"), event(1, "schön"), event(2, "für")) + b"e3,v,view,\xff\n",
        refused="byte",
    ),
]

JSON = [
    Case("lines", "a.jsonl", "\n".join(J).encode(), 4),
    Case("lines_with_mark", "a.jsonl", b"\xef\xbb\xbf" + "\n".join(J).encode(), 4),
    Case("mark_inside", "a.jsonl", (J[0] + "\n\ufeff" + J[1]).encode(), 1, {"byte_order_mark_inside": 1}),
    Case("broken_line", "a.jsonl", (J[0] + '\n{"event_id": \n' + J[1]).encode(), 2, {"json_invalid": 1}),
    Case("two_objects_on_a_line", "a.jsonl", (J[0] + "\n" + J[1] + J[2]).encode(), 1, {"json_invalid": 1}),
    Case("no_objects", "a.jsonl", (J[0] + "\n[1]\n3\nnull").encode(), 1, {"json_not_an_object": 3}),
    Case(
        "constants",
        "a.jsonl",
        (J[0] + "\n" + J[1][:-1] + ', "units": NaN}').encode(),
        1,
        {"json_not_a_number": 1},
    ),
    Case("nan_in_a_text", "a.jsonl", json_event(1, search_query="a: NaN bread").encode(), 1),
    Case("trailing_comma_in_object", "a.jsonl", (J[0][:-1] + ",}").encode(), 1),
    Case(
        "key_twice",
        "a.jsonl",
        (J[0] + "\n" + J[1][:-1] + ', "sku": "A", "sku": "B"}').encode(),
        1,
        {"json_key_twice": 1},
    ),
    Case(
        "deep_line",
        "a.jsonl",
        (J[0] + "\n" + '{"a":' * 5000 + "1" + "}" * 5000).encode(),
        1,
        {"json_too_deep": 1},
    ),
    Case("list", "a.json", ("[" + ",\n".join(J) + "]").encode(), 4),
    Case("object_with_list", "a.json", ('{"total": 4, "data": [' + ",".join(J) + "]}").encode(), 4),
    Case(
        "named_list",
        "a.json",
        ('{"old": [' + J[0] + '], "page": {"new": [' + J[1] + "]}}").encode(),
        1,
        options=", records: page.new",
    ),
    Case(
        "two_lists",
        "a.json",
        ('{"a": [' + J[0] + '], "b": [' + J[1] + "]}").encode(),
        refused="several lists",
    ),
    Case("no_list", "a.json", b'"text"', refused="neither a list nor an object"),
    Case("single_object", "a.json", J[0].encode(), 1),
    Case("lines_named_json", "a.json", "\n".join(J).encode(), 4),
    Case("cut_off_list", "a.json", ("[" + ",".join(J)).encode(), refused="cut off"),
    Case("trailing_comma_in_list", "a.json", ("[" + ",".join(J) + ",]").encode(), 4),
    Case("single_quotes", "a.json", ("[" + J[0].replace('"', "'") + "]").encode(), refused="no valid JSON"),
    Case("two_documents", "a.json", ("[" + J[0] + "] [" + J[1] + "]").encode(), refused="more follows"),
    Case("deep_document", "a.json", b"[" * 200000 + b"]" * 200000, refused="nested too deeply"),
    Case(
        "constant_in_document",
        "a.json",
        ("[" + J[0][:-1] + ', "units": NaN}]').encode(),
        refused="NaN is no JSON",
    ),
    Case("empty_document", "a.json", b"", refused="neither a list nor an object"),
]


@pytest.mark.parametrize("case", [*CSV, *JSON], ids=lambda case: case.name)
def test_a_malformed_text_file_has_its_planted_outcome(case: m.Case, tmp_path: Path) -> None:
    m.check_outcome(case, tmp_path)
