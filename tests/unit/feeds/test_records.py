"""Records keep the line numbers that an editor shows, whatever the newlines and quotes."""

from __future__ import annotations

from pathlib import Path

import pytest

import feeds.records
from feeds.records import BadLine, read_header, read_records


def records(
    path: Path, content: bytes, delimiter: bytes | None = b","
) -> tuple[list[tuple[int, bytes]], list[BadLine]]:
    path.write_bytes(content)
    bad: list[BadLine] = []
    return [record for chunk in read_records(path, delimiter, bad) for record in chunk], bad


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "f.csv"


def test_mixed_newlines_end_lines_alike(file: Path) -> None:
    assert records(file, b"a\r\nb\nc\rd")[0] == [(1, b"a"), (2, b"b"), (3, b"c"), (4, b"d")]


def test_a_byte_order_mark_is_no_part_of_the_header(file: Path) -> None:
    assert records(file, b"\xef\xbb\xbfa,b\n1,2\n")[0] == [(1, b"a,b"), (2, b"1,2")]
    assert read_header(file, ",") == ["a", "b"]


def test_blank_lines_are_left_out_but_counted(file: Path) -> None:
    assert records(file, b"a\n\n\nb\n")[0] == [(1, b"a"), (4, b"b")]


def test_a_quoted_value_may_hold_newlines_and_the_next_line_keeps_its_number(file: Path) -> None:
    found, bad = records(file, b'h\n1,"x\ny ""z""\nw",2\n3,4\n')
    assert found == [(1, b"h"), (2, b'1,"x\ny ""z""\nw",2'), (5, b"3,4")]
    assert not bad


def test_a_quote_that_is_never_closed_costs_its_own_line_only(file: Path) -> None:
    found, bad = records(file, b'h\n1,"x\n2,y\n3,z\n')
    assert found == [(1, b"h"), (3, b"2,y"), (4, b"3,z")]
    assert [(line.line, line.rule) for line in bad] == [(2, "unterminated_quote")]


def test_a_quote_inside_an_unquoted_value_means_nothing(file: Path) -> None:
    found, bad = records(file, b'h\n1,5" nail\n2,y\n')
    assert [line for line, _ in found] == [1, 2, 3]
    assert not bad


def test_quotes_have_no_meaning_in_json_lines(file: Path) -> None:
    assert len(records(file, b'{"a": "\n{"b": 1}\n', None)[0]) == 2


def test_records_over_chunk_borders_are_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds.records, "_CHUNK", 7)
    lines = [b'%d,"a\nb"' % n if n % 3 == 0 else b"%d,x" % n for n in range(50)]
    found, bad = records(file, b"\r\n".join(lines) + b"\r\n")
    assert [record for _, record in found] == lines
    assert not bad


def test_a_line_of_many_megabytes_is_set_aside(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds.records, "MAX_RECORD_BYTES", 100)
    found, bad = records(file, b"a\n" + b"x" * 101 + b"\nb\n")
    assert found == [(1, b"a"), (3, b"b")]
    assert [(line.line, line.rule) for line in bad] == [(2, "line_too_long")]
