"""The plan of one launch: which files to read, where to write, up to which day. Nothing is computed here.

A plan is a JSON document, so that the launcher and the jobs share no Python objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transforms.bots import BotParams
from transforms.changes import Since
from transforms.pairs import PairParams
from transforms.sessions import SessionParams
from transforms.tables import Files

INPUTS = ("events", "order_lines")
OUTPUTS_OF_JOB = {
    "sessions": ("session_events", "sessions", "bot_sessions"),
    "pairs": ("pair_days", "item_pairs"),
    "interactions": ("daily_interactions",),
}
JOBS = tuple(OUTPUTS_OF_JOB)
TABLES_SINCE = ("sessions", "bot_sessions", "pair_days")

Params = TypeVar("Params", SessionParams, BotParams, PairParams, "RunParams")


class PlanError(ValueError):
    """A plan asks for something that cannot be done; the message names the entry and what was expected."""


@dataclass(frozen=True)
class RunParams:
    """How a launch spreads its work: partitions of a shuffle, files of an output at most.

    When more than ``rebuild_share`` of the days would be rebuilt, everything is.
    """

    shuffle_partitions: int = 4
    output_files: int = 4
    rebuild_share: float = 0.3


@dataclass(frozen=True)
class Plan:
    """One launch: inputs by feed, output folders by table, and the last day that counts, in shop time."""

    as_of: date
    time_zone: ZoneInfo
    scratch: Path
    inputs: Mapping[str, Files]
    outputs: Mapping[str, str]
    sessions: SessionParams = field(default_factory=SessionParams)
    bots: BotParams = field(default_factory=BotParams)
    pairs: PairParams = field(default_factory=PairParams)
    run: RunParams = field(default_factory=RunParams)
    since: Since | None = None

    @property
    def as_of_end(self) -> datetime:
        """The first instant that no longer counts: midnight after ``as_of`` in the shop's zone."""
        return end_of(self.as_of, self.time_zone)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """Midnight after a day in a zone."""
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=zone)


def read_plan(path: Path, jobs: tuple[str, ...] = JOBS) -> Plan:
    """The plan in a JSON file, checked against the disk for these jobs; ``PlanError`` says what is wrong."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"The plan {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise PlanError(f"The plan {path} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise PlanError(f"The plan {path} holds {type(document).__name__}, but expected an object.")
    return check_plan(parse_plan(document), jobs)


def parse_plan(document: Mapping[str, Any]) -> Plan:
    """The plan that a JSON object describes."""
    _only(document, ("inputs", "outputs", "as_of", "time_zone", "settings", "scratch", "since"), "plan")
    missing = [key for key in ("outputs", "as_of", "scratch") if key not in document]
    if missing:
        raise PlanError(f"The plan lacks {', '.join(missing)}.")
    settings = document.get("settings") or {}
    _only(settings, ("sessions", "bots", "pairs", "run"), "settings")
    zone = _zone(document.get("time_zone") or "UTC")
    return Plan(
        as_of=_day(document["as_of"]),
        time_zone=zone,
        scratch=Path(document["scratch"]),
        inputs=_inputs(document.get("inputs") or {}),
        outputs={name: str(folder) for name, folder in document["outputs"].items()},
        sessions=_params(SessionParams, settings.get("sessions"), "settings.sessions"),
        bots=_params(BotParams, settings.get("bots"), "settings.bots"),
        pairs=_params(PairParams, settings.get("pairs"), "settings.pairs"),
        run=_params(RunParams, settings.get("run"), "settings.run"),
        since=_since(document["since"], zone) if document.get("since") else None,
    )


def check_plan(plan: Plan, jobs: tuple[str, ...]) -> Plan:
    """The same plan, if each job is known, each output has a fresh folder and each local input is there."""
    for job in jobs:
        if job not in OUTPUTS_OF_JOB:
            raise PlanError(f"There is no job {job!r}. Known: {', '.join(JOBS)}.")
        for output in OUTPUTS_OF_JOB[job]:
            if output not in plan.outputs:
                raise PlanError(
                    f"Job {job} writes {output}, but the plan's outputs name only {sorted(plan.outputs)}."
                )
            folder = plan.outputs[output]
            if "://" not in folder and Path(folder).exists():
                raise PlanError(f"Output {output}: {folder} exists already; give a folder that does not.")
    for name, files in plan.inputs.items():
        absent = [path for path in files.paths if "://" not in path and not Path(path).exists()]
        if absent:
            raise PlanError(
                f"Input {name}: {len(absent)} of {len(files.paths)} files are absent, first {absent[0]}."
            )
    return plan


def _since(document: Mapping[str, Any], zone: ZoneInfo) -> Since:
    _only(document, ("loads", "as_of", "tables"), "since")
    absent = sorted(set(TABLES_SINCE) - set(document.get("tables") or {}))
    if absent:
        raise PlanError(f"since.tables lacks {', '.join(absent)}.")
    loads = {feed: int(number) for feed, number in (document.get("loads") or {}).items()}
    tables = _inputs(document["tables"], TABLES_SINCE, "since.tables")
    return Since(loads, end_of(_day(document.get("as_of")), zone), tables)


def _inputs(
    document: Mapping[str, Any], known: tuple[str, ...] = INPUTS, where: str = "inputs"
) -> dict[str, Files]:
    _only(document, known, where)
    inputs = {}
    for name, entry in document.items():
        _only(entry or {}, ("files", "base_path"), f"{where}.{name}")
        paths = tuple(local_path(path) for path in (entry or {}).get("files") or ())
        base_path = (entry or {}).get("base_path")
        inputs[name] = Files(paths, local_path(base_path) if base_path else None)
    return inputs


def local_path(path: str) -> str:
    """A Delta table lists its files as URIs, with blanks of local paths encoded; Spark wants them plain."""
    plain = path.removeprefix("file://")
    return unquote(plain) if "://" not in plain and not Path(plain).exists() else plain


def _params(kind: type[Params], document: Mapping[str, Any] | None, where: str) -> Params:
    _only(document or {}, tuple(f.name for f in fields(kind)), where)
    for name, value in (document or {}).items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise PlanError(f"Got {where}.{name} = {value!r}, but expected a number above zero.")
    return kind(**(document or {}))


def _only(document: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(document) - set(known))
    if unknown:
        raise PlanError(f"Got {', '.join(unknown)} in {where}, but expected only {', '.join(known)}.")


def _day(text: Any) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise PlanError(f"Got as_of = {text!r}, but expected a day such as 2026-03-01.") from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise PlanError(f"Got time_zone = {name!r}, but expected a name such as Europe/Berlin.") from error
