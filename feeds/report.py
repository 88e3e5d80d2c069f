"""What a load tells its caller, and the errors that stop one; every message names file, line, field and
remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

Key = TypeVar("Key", str, date)


class FeedError(RuntimeError):
    """A feed could not be ingested; nothing of it became visible."""


class LandingError(FeedError):
    """Bytes could not be taken in: not readable, or not text in the declared encoding."""


class ConservationError(FeedError):
    """The rows of a load do not add up; nothing was committed."""


@dataclass(frozen=True)
class LoadReport:
    """The account of one ingestion of one feed: rows_read = accepted + deduplicated + quarantined + filtered.

    ``source_rows`` are lines (or cells) in the files; they equal ``rows_read`` unless the dialect groups
    lines. ``by_day`` counts accepted rows by the day in the file's name, or else by the business day of the
    event. ``contract`` is the name and version that judged; ``volume`` names days with an unusual number of
    rows.
    """

    feed: str
    load_number: int | None = None
    contract: str | None = None
    loads: tuple[int, ...] = ()
    files: int = 0
    source_rows: int = 0
    rows_read: int = 0
    accepted: int = 0
    deduplicated: int = 0
    quarantined: int = 0
    filtered: int = 0
    seconds: float = 0.0
    by_rule: Mapping[str, int] = field(default_factory=dict)
    by_filter: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Mapping[str, str | int | None], ...] = ()
    drift: tuple[str, ...] = ()
    delta_version: int | None = None
    skipped_reason: str | None = None
    by_day: Mapping[date, int] = field(default_factory=dict)
    volume: tuple[str, ...] = ()
    refused: tuple[Mapping[str, str], ...] = ()

    @property
    def days_touched(self) -> int:
        """Days that gained rows: what a consumer split by days has to build again."""
        return len(self.by_day)

    def check_conservation(self) -> None:
        """Raise ``ConservationError`` unless every row read went exactly one way."""
        told = self.accepted + self.deduplicated + self.quarantined + self.filtered
        if told != self.rows_read:
            raise ConservationError(
                f"{self.feed}: {self.rows_read} rows were read, but {self.accepted} accepted + "
                f"{self.deduplicated} deduplicated + {self.quarantined} quarantined + {self.filtered} "
                f"filtered = {told}. Nothing was committed; please report this with the feed's files."
            )


class LoadRejected(FeedError):
    """Too many rows of a load were bad, so none was accepted; its files are taken again next time."""

    def __init__(self, report: LoadReport, limit: float) -> None:
        self.report = report
        ranked = sorted(report.by_rule.items(), key=lambda rule: (-rule[1], rule[0]))
        worst = ", ".join(f"{n} x {rule}" for rule, n in ranked[:3])
        first = report.examples[0]
        super().__init__(
            f"{report.feed}: {report.quarantined} of {report.rows_read} rows were rejected, above the limit "
            f"of {limit:.1%} ({worst}; first: {first['file']} line {first['line']}, field {first['field']}: "
            f"{first['message']}). Nothing was accepted. See quarantine/{report.feed}/"
            f"{report.load_number}.parquet; correct the files, or raise the source's max_rejected_ratio."
        )


class DriftRefused(LoadRejected):
    """Values of another type than the contract's came from a source that is frozen."""

    def __init__(self, report: LoadReport, rules: list[str]) -> None:
        self.report = report
        first = next((e for e in report.examples if e["rule"] in rules), report.examples[0])
        FeedError.__init__(
            self,
            f"{report.feed}: {', '.join(rules)}; first: {first['file']} line {first['line']}, field "
            f"{first['field']}: {first['message']}. Nothing was accepted, because the source says on_drift: "
            "freeze. Correct the files, or choose another mode.",
        )


class VolumeHeld(LoadRejected):
    """A day of a load holds far more or fewer rows than usual, and its source holds such loads."""

    def __init__(self, report: LoadReport) -> None:
        self.report = report
        more = f" (and {len(report.volume) - 3} more days)" if len(report.volume) > 3 else ""
        FeedError.__init__(
            self,
            f"{report.feed}: {'; '.join(report.volume[:3])}{more}. Nothing was accepted, because the source "
            "says on_volume: hold. Correct the files, or set on_volume: warn when the number is right.",
        )


def merge_reports(reports: list[LoadReport]) -> LoadReport:
    """One account of several loads of a feed, in order."""
    first, last = reports[0], reports[-1]
    return LoadReport(
        feed=first.feed,
        load_number=last.load_number,
        loads=tuple(number for r in reports for number in r.loads),
        files=sum(r.files for r in reports),
        source_rows=sum(r.source_rows for r in reports),
        rows_read=sum(r.rows_read for r in reports),
        accepted=sum(r.accepted for r in reports),
        deduplicated=sum(r.deduplicated for r in reports),
        quarantined=sum(r.quarantined for r in reports),
        filtered=sum(r.filtered for r in reports),
        seconds=sum(r.seconds for r in reports),
        by_rule=_summed([r.by_rule for r in reports]),
        by_filter=_summed([r.by_filter for r in reports]),
        examples=tuple(example for r in reports for example in r.examples)[:5],
        drift=tuple(dict.fromkeys(event for r in reports for event in r.drift)),
        delta_version=last.delta_version,
        contract=last.contract,
        volume=tuple(event for r in reports for event in r.volume),
        refused=tuple(file for r in reports for file in r.refused),
        by_day=_summed([r.by_day for r in reports]),
    )


def _summed(counts: list[Mapping[Key, int]]) -> dict[Key, int]:
    total: dict[Key, int] = {}
    for one in counts:
        for key, n in one.items():
            total[key] = total.get(key, 0) + n
    return dict(sorted(total.items()))
