"""A proposal: what an unknown file seems to be, as text and as YAML that holds a dialect and a source.

Writing it loads nothing; taking it into a shop is ``accepting``'s work. Examples never show a value that
looks personal.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from data_quality.acceptance_rules import literal, quoted
from data_quality.contract import Column, load_contract
from feeds.inference.mapping import DERIVED, Mapping, Match, map_sample, meaning
from feeds.inference.sample import Sample, read_sample
from feeds.inference.values import Evidence

_SHOWN_KINDS = frozenset(("decimal", "comma", "money", "time", "date", "boolean", "currency", "country"))
_DEFAULTS = {
    ("orders", "order_status"): "'paid'",
    ("orders", "updated_at"): "ordered_at",
    ("orders", "gross_amount"): "total_amount",
    ("order_lines", "line_number"): "row_number() over (partition by {order_id} order by _file_id, _line)",
    ("order_lines", "line_kind"): "'product'",
    ("payments", "payment_id"): "{order_id} || '-p1'",
    ("payments", "payment_status"): "'captured'",
    ("refunds", "refund_id"): "concat({order_id}, '-r', _line)",
    ("refunds", "refund_kind"): "'refund'",
    ("shipments", "updated_at"): "dispatched_at",
    ("shipments", "shipment_status"): "'in_transit'",
    ("customers", "updated_at"): "registered_at",
    ("stock_levels", "location_id"): "getvariable('location')",
    ("stock_levels", "is_in_stock"): "(try_cast({on_hand_units} as double) > 0)::varchar",
    ("events", "event_id"): "concat('line-', _line)",
    ("events", "visitor_id"): "customer_id",
}


def propose(path: Path, name: str | None = None) -> dict[str, Any]:
    """The proposal for a file, as the document that ``write_proposal`` puts into YAML.

    ``name`` becomes that of dialect and source (default: made from the file's name). Raises ``FeedError`` for
    a file that cannot be read.
    """
    sample = read_sample(path)
    mapping = map_sample(sample)
    called = name or re.sub(r"\W+", "_", path.name.split(".")[0].lower(), flags=re.ASCII).strip("_") or "file"
    return {
        "file": path.name,
        "format": _guess(sample.format, sample, "format"),
        "encoding": _guess(sample.encoding, sample, "encoding"),
        "delimiter": _guess(sample.delimiter, sample, "delimiter"),
        "header": {"found": sample.has_header, "confidence": sample.confidence.get("header", 1.0)},
        "rows_seen": len(sample.rows),
        "feed": {"name": mapping.feed, "confidence": round(mapping.confidence, 2), "or": mapping.runner_up},
        "columns": [_told(match, mapping.feed) for match in mapping.matches],
        "questions": _questions(sample, mapping),
        "dialect": _dialect(called, sample, mapping),
        "source": _source(called, path, sample, mapping),
    }


def write_proposal(proposal: dict[str, Any], out: Path) -> None:
    """The proposal as YAML to read, change and accept."""
    head = (
        "# Nothing is loaded by this file. Read it, change what is wrong, then:\n#   shopwright feeds accept "
    )
    text = yaml.safe_dump(proposal, allow_unicode=True, sort_keys=False, width=110)
    out.write_text(f"{head}{out.name} --shop NAME\n{text}", encoding="utf-8")


def _guess(value: str, sample: Sample, key: str) -> dict[str, Any]:
    return {"value": value, "confidence": sample.confidence.get(key, 1.0)}


def _told(match: Match, feed: str) -> dict[str, Any]:
    contract = load_contract(feed)
    personal = match.seen.is_personal or bool(match.column and contract.column(match.column).personal)
    return {
        "source": match.source,
        "maps_to": match.column,
        "confidence": round(match.confidence, 2),
        "why": match.why,
        "examples": [shown(value, match.seen, personal) for value in match.seen.values[:3]],
    }


def shown(value: str, seen: Evidence, is_personal: bool) -> str:
    """A value as an example may show it: numbers with marks, times and codes whole, all else masked.

    Short integers are shown (quantities), long ones are not (telephone numbers are such); texts show at most
    two characters; what looks personal shows nothing.
    """
    if is_personal:
        return "***"
    if seen.kind in _SHOWN_KINDS and len(value) <= 30:
        return value
    if seen.kind == "integer" and len(value) <= 5:
        return value
    return f"{value[:2]}… ({len(value)} characters)" if len(value) > 6 else f"({len(value)} characters)"


def _questions(sample: Sample, mapping: Mapping) -> list[str]:
    """What a person should look at before accepting."""
    asked = []
    if not sample.has_header:
        asked.append("The first line seems to hold values, not names. Add a header line to the file.")
    if mapping.runner_up:
        asked.append(f"The file could be {mapping.runner_up} as well as {mapping.feed}.")
    asked += [f"No column was found for {column}, which the contract requires." for column in mapping.missing]
    for column, instead in DERIVED[mapping.feed].items():
        if column not in mapping.by_column and column not in mapping.missing:
            made = _DEFAULTS.get(
                (mapping.feed, column), f"the shop's {column}" if column == "currency" else instead
            )
            asked.append(f"{column} is not told; it is taken to be {made}.")
    for match in mapping.matches:
        if match.seen.kind in ("time", "date") and match.seen.format in (None, "%d/%m/%Y", "%d/%m/%Y %H:%M"):
            asked.append(f"{match.source}: say whether days or months come first ({match.seen.format}).")
        unknown = _unknown_states(match, mapping.feed)
        if unknown:
            asked.append(f"{match.source}: {unknown} states are not known and would be quarantined.")
    return asked


def _unknown_states(match: Match, feed: str) -> int:
    if not match.column or not load_contract(feed).column(match.column).allowed:
        return 0
    return sum(meaning(match.column, value) is None for value in match.seen.values)


def _dialect(name: str, sample: Sample, mapping: Mapping) -> dict[str, Any]:
    contract = load_contract(mapping.feed)
    made = {
        column: _expression(match, contract.column(column)) for column, match in mapping.by_column.items()
    }
    for column in contract.columns:
        default = _default(mapping.feed, column, made)
        if column.required and column.name not in made and default:
            made[column.name] = default
    ordered = {column: made[column] for column in contract.column_names if column in made}
    used = [match.source for match in mapping.matches if match.column]
    left = [match.source for match in mapping.matches if not match.column]
    shape: dict[str, Any] = {"columns": used, **({"ignored": left} if left else {})}
    return {
        "name": name,
        "shapes": {"file": shape},
        "feeds": {mapping.feed: {"from": "file", "counted_by": "lines", "columns": ordered}},
    }


def _default(feed: str, column: Column, made: dict[str, str]) -> str | None:
    if column.name == "currency":
        return "getvariable('currency')"
    default = _DEFAULTS.get((feed, column.name))
    if default is None:
        return None
    if default in made:
        return made[default]
    needed = re.findall(r"{(\w+)}", default)
    return (
        default.format(**made)
        if all(column in made for column in needed)
        else default
        if not needed
        else None
    )


def _expression(match: Match, column: Column) -> str:
    told, seen = quoted(match.source), match.seen
    if column.allowed:
        known = {value: meaning(column.name, value) for value in seen.values}
        whens = " ".join(f"when {literal(v)} then {literal(m)}" for v, m in known.items() if m and m != v)
        return f"case {told} {whens} else {told} end" if whens else told
    if column.type == "timestamptz":
        if seen.format and seen.format != "iso":
            return f"in_format({told}, {literal(seen.format)})"
        return f"in_zone({told}, getvariable('time_zone'))"
    if column.type == "date":
        return (
            f"day_in_format({told}, {literal(seen.format)})"
            if seen.format and seen.format != "iso"
            else f"left({told}, 10)"
        )
    if column.logical_type in ("number", "integer"):
        mark = {"comma": f"decimal_comma({told})", "money": f"money({told})"}.get(seen.kind)
        return mark or (f"replace({told}, ',', '')" if any("," in v for v in seen.values) else told)
    return told


def _source(name: str, path: Path, sample: Sample, mapping: Mapping) -> dict[str, Any]:
    source: dict[str, Any] = {
        "name": name,
        "connector": "files",
        "path": "{data}/" + path.name,
        "format": sample.format,
        "dialect": f"../dialects/{name}.yaml",
        "provides": [mapping.feed],
    }
    if sample.encoding not in ("utf-8", "utf-8-sig", "ascii"):
        source["encoding"] = sample.encoding
    if sample.format == "csv" and sample.delimiter != ",":
        source["delimiter"] = sample.delimiter
    return source
