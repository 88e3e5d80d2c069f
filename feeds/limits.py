"""When a load is refused as a whole: too many bad rows, wrong types, or a day with far more or fewer rows.

Both rules look at counts only. A refused load accepts nothing, and its files are taken again next time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from statistics import median

from data_quality.acceptance_drift import DriftModes
from data_quality.contract import Contract
from feeds.report import DriftRefused, LoadRejected, LoadReport, VolumeHeld
from feeds.shop import Source

VOLUME_FACTOR = 10.0
VOLUME_WEEKS = 8
MIN_SAME_WEEKDAYS = 3
# Below this, tenfold is chance: a shop with two refunds a day may well have twenty.
MIN_USUAL_ROWS = 20


def check_rejected(report: LoadReport, sources: Sequence[Source]) -> None:
    """Raise ``LoadRejected`` for more bad rows than the strictest source allows.

    That is more than ``max_rejected_ratio`` of the rows, and at least ``min_rejected_rows`` of them or more
    than half of all: one bad row among ten does not close the door, ten among ten do.
    """
    ratio = min(source.max_rejected_ratio for source in sources)
    least = min(source.min_rejected_rows for source in sources)
    bad, rows = report.quarantined, report.rows_read
    if bad > ratio * rows and (bad >= least or bad * 2 > rows):
        raise LoadRejected(report, ratio)


def check_types(report: LoadReport, modes: DriftModes) -> None:
    """Raise ``DriftRefused`` where a source is frozen and some value is not of its column's type."""
    wrong = sorted(rule for rule in report.by_rule if rule.endswith(("_type", "_nested")))
    if modes.types == "freeze" and wrong:
        raise DriftRefused(report, wrong)


def check_volume(
    report: LoadReport, sources: Sequence[Source], contract: Contract, before: Mapping[date, int]
) -> LoadReport:
    """The report with unusual days in ``volume``; raises ``VolumeHeld`` where a source holds such loads.

    ``before`` are the rows of each day that are in the lake already. Feeds whose contract says that their
    volume varies, or that tell no day, are not judged.
    """
    if contract.volume == "varies":
        return report
    unusual = volume_spikes(before, report.by_day)
    report = replace(report, volume=tuple(unusual))
    if unusual and any(source.on_volume == "hold" for source in sources):
        raise VolumeHeld(report)
    return report


def volume_spikes(before: Mapping[date, int], new: Mapping[date, int]) -> list[str]:
    """Days of ``new`` that hold, with the rows before, ten times or a tenth of the weekday's trailing median.

    The median is that of the same weekday in the eight weeks before; at least three of them must have rows.
    A late record makes no old day unusual, for the whole day is compared.
    """
    totals = dict(before)
    for day, rows in new.items():
        totals[day] = totals.get(day, 0) + rows
    told = []
    for day in sorted(new):
        earlier = [totals.get(day - timedelta(weeks=w), 0) for w in range(1, VOLUME_WEEKS + 1)]
        known = [rows for rows in earlier if rows]
        if len(known) < MIN_SAME_WEEKDAYS or (usual := median(known)) < MIN_USUAL_ROWS:
            continue
        if totals[day] >= VOLUME_FACTOR * usual or totals[day] * VOLUME_FACTOR <= usual:
            told.append(f"{day}: {totals[day]} rows, where {usual:.0f} are usual on this weekday")
    return told
