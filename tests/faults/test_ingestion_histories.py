"""Any history of batches, repeats, disorder, kills and replays ends in the tables that a plain model says."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from feeds.failpoints import FAILPOINTS

STEPS = [name for name in FAILPOINTS if "pull" not in name]
numbers = st.integers(0, 40)
days = st.integers(1, 28)


class Histories(RuleBasedStateMachine):
    """An append feed, where an id says its whole record, and an upsert feed with versions in any order."""

    drills: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="histories-"))
        self.drill = self.drills.Drill(self.root)
        self.drill.describe()
        self.files = 0
        self.events: set[int] = set()
        self.wishes: set[int] = set()
        self.bad: set[tuple[str, int]] = set()
        self.versions: set[tuple[int, int]] = set()
        self.sent: dict[str, Path] = {}

    def teardown(self) -> None:
        self.settle()
        shutil.rmtree(self.root, ignore_errors=True)

    def name(self, day: int) -> str:
        self.files += 1
        return f"{self.files:03d} 2026-02-{day:02d}.csv"

    @initialize()
    def a_first_day(self) -> None:
        self.events_arrive(1, [0, 1], [], 0)

    @rule(
        day=days,
        some=st.lists(numbers, max_size=6),
        wishes=st.lists(numbers, max_size=2),
        bad=st.integers(0, 2),
    )
    def events_arrive(self, day: int, some: list[int], wishes: list[int], bad: int) -> None:
        """A file of events, with repeats in it, of any day, in any order, some of them unusable."""
        lines = [event(n) for n in some]
        lines += [f"w{n},v,wish,2026-02-{1 + n % 28:02d}T09:00:00Z,S" for n in wishes]
        lines += [f"b{self.files}-{n},v,view,never,S" for n in range(bad)]
        name = self.name(day)
        self.drill.send("events", name, lines)
        self.sent[name] = self.drill.feeds / "events" / name
        self.events |= set(some)
        self.wishes |= set(wishes)
        self.bad |= {(f"b{self.files - 1}", n) for n in range(bad)}

    @rule(day=days, some=st.lists(st.tuples(numbers, st.integers(1, 4)), max_size=6))
    def suppliers_change(self, day: int, some: list[tuple[int, int]]) -> None:
        """A file of supplier versions, older ones perhaps after newer ones."""
        lines = [f"S{n},Supplier {n}.{v},2026-02-{v:02d}T08:00:00Z" for n, v in some]
        self.drill.send("suppliers", self.name(day), lines)
        self.versions |= set(some)

    @rule(data=st.data(), day=days)
    def a_file_is_sent_again(self, data: st.DataObject, day: int) -> None:
        """Under another name and day."""
        if self.sent:
            content = self.sent[data.draw(st.sampled_from(sorted(self.sent)))].read_bytes()
            (self.drill.feeds / "events" / self.name(day)).write_bytes(content)

    @rule(step=st.sampled_from(STEPS))
    def an_ingestion_is_killed(self, step: str) -> None:
        """At a step; where nothing is due it ends in peace."""
        assert self.drill.run_in_child(failpoint=step, max_load_bytes=200) in (0, -9)

    @rule()
    def an_ingestion_runs(self) -> None:
        assert self.drill.run_in_child(max_load_bytes=200) == 0

    @rule(step=st.sampled_from(["", *STEPS]))
    def a_replay_runs_after_the_contract_learned_of_wishes(self, step: str) -> None:
        assert self.drill.run_in_child(failpoint=step, wishes=True, replay=True) in (0, -9)

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        self.drill.check_acknowledged()

    def settle(self) -> None:
        """A calm run and replay at the end, and the comparison with the model."""
        assert self.drill.run_in_child(wishes=True, replay=True) == 0
        rows = self.drill.lake.read("raw", "events", columns=["event_id", "occurred_at"]).to_pylist()
        told = sorted((row["event_id"], f"{row['occurred_at']:%Y-%m-%dT%H}") for row in rows)
        expected = [(f"e{n}", f"2026-02-{1 + n % 28:02d}T10") for n in self.events]
        expected += [(f"w{n}", f"2026-02-{1 + n % 28:02d}T09") for n in self.wishes]
        assert told == sorted(expected)
        if self.versions:
            stored = self.drill.lake.read("raw", "suppliers", columns=["supplier_id", "name"]).to_pylist()
            assert sorted(row["name"] for row in stored) == sorted(
                f"Supplier {n}.{v}" for n, v in self.versions
            )
        for load in self.drill.ledger.loads():
            assert load.state == "done"
            assert load.rows_read == load.accepted + load.deduplicated + load.quarantined + load.filtered
        open_now = self.drill.open_rows("events")
        assert len(open_now) == len(set(open_now)) == len(self.bad)


def event(number: int) -> str:
    return f"e{number},v,view,2026-02-{1 + number % 28:02d}T10:00:00Z,S"


def run_histories(drills: Any, examples: int, steps: int, start: int) -> None:
    machine = type("Histories", (Histories,), {"drills": drills})
    run_state_machine_as_test(
        seed(start)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_few_histories_end_as_the_model_says(ingest_drill: Any) -> None:
    run_histories(ingest_drill, 2, 8, start=0)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("ten", range(6))
def test_sixty_long_histories_end_as_the_model_says(ingest_drill: Any, ten: int) -> None:
    run_histories(ingest_drill, 10, 14, start=1 + ten)
