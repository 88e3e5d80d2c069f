"""A volume monitor catches a planted drop at once and keeps quiet on a clean year."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from data_quality.monitors import judge_freshness, judge_volume

START = date(2025, 1, 1)


def clean_year(seed: int, level: float = 1500.0) -> dict[date, int]:
    """Growth of 40 %, a weekly pattern, a yearly wave, and 8 % noise on top of counting noise."""
    chance = np.random.default_rng(seed)
    counts = {}
    for day in range(365):
        weekday = (1.0, 0.95, 0.9, 1.0, 1.15, 1.5, 1.3)[day % 7]
        season = (1 + 0.4 * day / 365) * (1 + 0.2 * math.sin(2 * math.pi * day / 365))
        rate = level * weekday * season * chance.lognormal(0, 0.08)
        counts[START + timedelta(days=day)] = int(chance.poisson(rate))
    return counts


@pytest.mark.parametrize("seed", range(5))
def test_a_clean_year_raises_at_most_one_alarm_a_month(seed):
    counts = clean_year(seed)
    alarms = [day for day in counts if not judge_volume(counts, day).is_usual]
    assert len(alarms) <= 12
    assert max([0, *(sum(d.month == month for d in alarms) for month in range(1, 13))]) <= 1


@pytest.mark.parametrize("factor", [0.6, 0.1, 0.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_change_is_caught_on_its_first_day(seed, factor):
    counts = clean_year(seed)
    caught = 0
    for day in range(60, 365, 5):
        planted = dict(counts)
        planted[START + timedelta(days=day)] = int(planted[START + timedelta(days=day)] * factor)
        caught += not judge_volume(planted, START + timedelta(days=day)).is_usual
    assert caught / 61 >= 0.95


def test_too_little_history_is_no_verdict():
    counts = {START + timedelta(days=d): 100 for d in range(10)}
    verdict = judge_volume(counts, START + timedelta(days=9))
    assert (verdict.is_usual, verdict.expected) == (True, None)


def test_a_verdict_says_what_was_expected():
    counts = {START + timedelta(days=d): 1000 for d in range(60)}
    counts[START + timedelta(days=59)] = 600
    verdict = judge_volume(counts, START + timedelta(days=59))
    assert not verdict.is_usual
    assert verdict.reason.startswith("600 rows, -40% against an expected 1000")


@pytest.mark.parametrize(("hours", "usual"), [(23.9, True), (24.0, True), (24.1, False)])
def test_freshness_is_the_age_of_the_newest_record(hours, usual):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert judge_freshness(now - timedelta(hours=hours), now, timedelta(hours=24)).is_usual is usual
    assert not judge_freshness(None, now, timedelta(hours=24)).is_usual
