"""What a plan may say, and what is said to one that asks for the impossible. No Java is started."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from transforms.plan import JOBS, OUTPUTS_OF_JOB, PlanError, parse_plan, read_plan


def document(tmp_path, **changes):
    outputs = {name: str(tmp_path / name) for job in JOBS for name in OUTPUTS_OF_JOB[job]}
    return {"outputs": outputs, "as_of": "2026-03-01", "scratch": str(tmp_path / "scratch")} | changes


def test_a_plan_is_read_with_its_settings(tmp_path):
    plan = parse_plan(
        document(
            tmp_path,
            time_zone="Asia/Shanghai",
            settings={"pairs": {"half_life_days": 7}, "bots": {"max_events": 9}},
        )
    )
    assert plan.as_of == date(2026, 3, 1)
    assert (plan.pairs.half_life_days, plan.pairs.min_together, plan.bots.max_events) == (7, 2, 9)
    assert plan.inputs == {}


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("UTC", "2026-03-01", datetime(2026, 3, 2, tzinfo=UTC)),
        ("Europe/Berlin", "2026-03-28", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("Europe/Berlin", "2026-03-29", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("Asia/Shanghai", "2026-03-01", datetime(2026, 3, 1, 16, tzinfo=UTC)),
    ],
)
def test_the_day_ends_at_midnight_in_the_shops_zone(tmp_path, zone, day, end):
    assert parse_plan(document(tmp_path, time_zone=zone, as_of=day)).as_of_end == end


def test_the_blanks_that_delta_encodes_in_file_names_are_decoded(tmp_path):
    folder = tmp_path / "my shop"
    folder.mkdir()
    (folder / "part.parquet").touch()
    encoded = str(folder / "part.parquet").replace(" ", "%20")
    plan = parse_plan(document(tmp_path, inputs={"events": {"files": [encoded], "base_path": str(folder)}}))
    assert plan.inputs["events"].paths == (str(folder / "part.parquet"),)
    assert plan.inputs["events"].base_path == str(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"as_of": "01.03.2026"}, "as_of = '01.03.2026'"),
        ({"as_of": None}, "as_of = None"),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"inputs": {"clicks": {}}}, "clicks in inputs"),
        ({"inputs": {"events": {"file": "x"}}}, "file in inputs.events"),
        ({"settings": {"pairs": {"half_life": 3}}}, "half_life in settings.pairs"),
        ({"settings": {"pairs": {"half_life_days": 0}}}, "settings.pairs.half_life_days = 0"),
        ({"settings": {"bots": {"max_events": "many"}}}, "settings.bots.max_events = 'many'"),
        ({"settings": {"sessions": {"gap_minutes": True}}}, "settings.sessions.gap_minutes = True"),
        ({"asof": "2026-03-01"}, "asof in plan"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, changes, message):
    with pytest.raises(PlanError, match=message):
        parse_plan(document(tmp_path, **changes))


def test_an_absent_input_file_is_named_before_anything_starts(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(
        json.dumps(document(tmp_path, inputs={"order_lines": {"files": [str(tmp_path / "gone.parquet")]}}))
    )
    with pytest.raises(PlanError, match=r"Input order_lines: 1 of 1 files are absent, first .*gone.parquet"):
        read_plan(path)


def test_an_output_folder_that_exists_is_never_written_over(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document(tmp_path)))
    (tmp_path / "item_pairs").mkdir()
    with pytest.raises(PlanError, match=r"Output item_pairs: .* exists already"):
        read_plan(path, ("pairs",))
    assert read_plan(path, ("sessions",)).as_of == date(2026, 3, 1)


def test_an_unknown_job_is_refused_with_the_known_ones(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document(tmp_path)))
    with pytest.raises(PlanError, match=r"no job 'session'\. Known: sessions, pairs, interactions"):
        read_plan(path, ("session",))


def test_a_job_without_a_folder_for_its_table_is_refused(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document(tmp_path, outputs={})))
    with pytest.raises(PlanError, match="Job pairs writes pair_days"):
        read_plan(path, ("pairs",))


@pytest.mark.parametrize(
    ("text", "message"), [(None, "cannot be read"), ("{", "is not JSON"), ("[]", "holds list")]
)
def test_a_plan_that_is_no_plan_is_refused(tmp_path, text, message):
    path = tmp_path / "plan.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PlanError, match=message):
        read_plan(path)
