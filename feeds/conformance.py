"""The conformance kit: whether a dialect, tried on sample files, keeps what ingestion relies on.

Eight checks a feed, each with what was found. Used by ``shopwright feeds check`` and from pytest:
``conformance("taobao", folder).raise_for_failures()``. Running the dialect is ``dialect_trial``'s work.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from data_quality.contract import Contract, load_contract
from feeds.batch import Batch
from feeds.dialect import Dialect, DialectError, load_dialect
from feeds.dialect_trial import Place, Trial, sample_files, try_feed
from feeds.report import FeedError

CHECKS = (
    "required_columns",
    "types",
    "keys",
    "conservation",
    "statuses",
    "source_columns",
    "determinism",
    "line_numbers",
)


class ConformanceError(AssertionError):
    """A dialect fails a check; the message lists every failure."""


@dataclass(frozen=True)
class Check:
    """One check of one feed: whether it holds, and what was seen."""

    feed: str
    name: str
    ok: bool
    told: str


@dataclass(frozen=True)
class Conformance:
    """All checks of a dialect on a sample, and the rows accepted by feed."""

    dialect: str
    checks: tuple[Check, ...]
    accepted: dict[str, int]

    @property
    def failures(self) -> tuple[Check, ...]:
        """Checks that do not hold."""
        return tuple(check for check in self.checks if not check.ok)

    def raise_for_failures(self) -> None:
        """Raise ``ConformanceError`` naming every feed, check and finding that is wrong."""
        if self.failures:
            lines = [f"{check.feed}: {check.name}: {check.told}" for check in self.failures]
            raise ConformanceError(f"dialect {self.dialect} fails {len(lines)} checks:\n" + "\n".join(lines))


def conformance(
    dialect: str,
    sample: Path,
    place: Place | None = None,
    *,
    feeds: Iterable[str] | None = None,
    now: datetime | None = None,
) -> Conformance:
    """Every check of the dialect's feeds on the files of a sample folder (``<shape>.jsonl|csv|parquet``).

    ``dialect`` is a name or the path of a dialect's YAML file. Feeds whose shapes have no sample fail all
    checks, so that an untried mapping is not taken for a good one. Raises ``DialectError`` or ``FeedError``
    when there is no such dialect or no sample at all.
    """
    spoken, files = load_dialect(dialect), sample_files(dialect, sample)
    checks: list[Check] = []
    accepted = {}
    for feed in sorted(feeds or spoken.feeds):
        try:
            trials = [try_feed(dialect, feed, files, place, now=now, threads=threads) for threads in (4, 1)]
        except (duckdb.Error, DialectError, FeedError) as broken:
            message = str(broken).splitlines()[0]
            checks += [Check(feed, name, False, f"the feed cannot be made: {message}") for name in CHECKS]
            continue
        accepted[feed] = trials[0].judged.accepted
        checks += _judge(spoken, feed, *trials)
    return Conformance(spoken.name, tuple(checks), accepted)


def _judge(dialect: Dialect, feed: str, first: Trial, second: Trial) -> list[Check]:
    contract, rules = load_contract(feed), first.judged.by_rule
    if not first.source_lines:
        return [Check(feed, name, False, "the sample holds no record of its shapes") for name in CHECKS]
    found = {
        "required_columns": _required(dialect, contract, first),
        "types": _rules(rules, lambda r: not r.endswith(("_allowed", "_required")) and r != "key_conflict"),
        "keys": _rules(rules, lambda r: r == "key_conflict") + _repeated_keys(contract, first),
        "conservation": _conservation(dialect, first),
        "statuses": _statuses(dialect, feed, first),
        "source_columns": _source_columns(first.batch),
        "determinism": _determinism(first, second),
        "line_numbers": _line_numbers(dialect, first),
    }
    return [Check(feed, name, not wrong, "; ".join(wrong) or "ok") for name, wrong in found.items()]


def _rules(by_rule: dict[str, int], wanted: Callable[[str], bool]) -> list[str]:
    return [f"{n} rows break {rule}" for rule, n in sorted(by_rule.items()) if wanted(rule)]


def _required(dialect: Dialect, contract: Contract, trial: Trial) -> list[str]:
    wrong = [
        f"required column {column.name} is not made"
        for column in contract.columns
        if column.required and column.name not in trial.made_columns
    ]
    wrong += _rules(trial.judged.by_rule, lambda rule: rule.endswith("_required"))
    for column in dialect.untold.get(contract.name, ()):
        if contract.column(column).required:
            wrong.append(f"required column {column} is declared untold")
        elif trial.rows.num_rows > trial.rows.column(column).null_count:
            wrong.append(f"{column} is declared untold, but has values")
    if not trial.judged.accepted:
        wrong.append("no row of the sample is accepted")
    return wrong


def _repeated_keys(contract: Contract, trial: Trial) -> list[str]:
    """Upsert feeds may tell a key again, but not twice of the same version with different values."""
    columns = [*contract.key, *filter(None, [contract.version_column])]
    keys = Counter(zip(*(trial.rows.column(name).to_pylist() for name in columns), strict=True))
    repeated = [key for key, n in keys.items() if n > 1]
    return [f"{len(repeated)} keys repeat, such as {repeated[0]}"] if repeated else []


def _conservation(dialect: Dialect, trial: Trial) -> list[str]:
    judged, batch, wrong = trial.judged, trial.batch, []
    told = judged.accepted + judged.deduplicated + judged.quarantined + judged.filtered
    if told != judged.candidates:
        wrong.append(f"{judged.candidates} rows were judged, but {told} are accounted for")
    made = judged.candidates + batch.duplicate_rows
    if dialect.feeds[trial.feed].counted_by == "lines" and made != batch.source_rows:
        wrong.append(f"the files hold {batch.source_rows} rows, but {made} were made of them")
    if trial.items is not None and len(trial.lines) != trial.items:
        wrong.append(f"the records hold {trial.items} items, but {len(trial.lines)} rows were made of them")
    return wrong


def _statuses(dialect: Dialect, feed: str, trial: Trial) -> list[str]:
    wrong = _rules(trial.judged.by_rule, lambda rule: rule.endswith("_allowed"))
    for table, status in dialect.statuses.items():
        if not status.makes or not status.makes.startswith(f"{feed}."):
            continue
        allowed = load_contract(feed).column(status.makes.split(".")[1]).allowed
        strange = sorted(
            {m for m in status.values.values() if m is not None and allowed and m not in allowed}
        )
        if strange:
            wrong.append(f"{table} maps to {strange}, which {status.makes} does not allow")
    return wrong


def _source_columns(batch: Batch) -> list[str]:
    unknown = [re.search(r"unknown column ('.*?')", event) for event in batch.drift]
    names = sorted(match.group(1) for match in unknown if match)
    remedy = "map them, or list them under `ignored`"
    return [f"the source sends {', '.join(names)}, which no shape names ({remedy})"] if names else []


def _determinism(first: Trial, second: Trial) -> list[str]:
    if first.rows.equals(second.rows):
        return []
    return ["the same files, read again with another number of threads, give other rows"]


def _line_numbers(dialect: Dialect, trial: Trial) -> list[str]:
    known, wrong = set(trial.source_lines), []
    strange = [line for line in trial.lines if line not in known]
    if strange:
        wrong.append(f"{len(strange)} rows stand for lines that are not in the files, such as {strange[0]}")
    if dialect.feeds[trial.feed].counted_by == "lines":
        missed = known - set(trial.lines)
        if missed:
            wrong.append(f"{len(missed)} lines gave no row, such as {min(missed)}")
    return wrong
