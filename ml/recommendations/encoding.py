"""Sessions as integer arrays, in time order; queries as the beginnings of sessions.

Every session recommender works on these arrays. Codes follow the sort order of SKUs, so "ties by code" means
"ties by SKU". Reading tables and scoring are not done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

STEP_EVENTS = ("view", "add_to_cart", "favourite", "purchase")


def cut_off(as_of: date, time_zone: str = "UTC") -> pd.Timestamp:
    """The first instant after ``as_of`` in the shop's zone, as a plain UTC timestamp."""
    midnight = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    return (
        midnight.tz_localize(time_zone, ambiguous=True, nonexistent="shift_forward")
        .tz_convert("UTC")
        .tz_localize(None)
    )


def session_steps(session_items: pd.DataFrame) -> pd.DataFrame:
    """What a visitor looked at, in order.

    One row per session and step; columns session_id, sku, event_type, occurred_at.

    Putting the item on screen into the cart is not a new step, so a non-view action on the SKU of the step
    before is left out; two views in a row are kept, because people do come back. Sessions are ordered by
    their last action, then by id.
    """
    kept = session_items[session_items["event_type"].isin(STEP_EVENTS) & session_items["sku"].notna()]
    kept = kept[["session_id", "position", "sku", "event_type", "occurred_at"]].copy()
    codes, _ = pd.factorize(kept["session_id"], sort=True)
    kept["last_at"] = kept.groupby(codes)["occurred_at"].transform("max")
    place = [kept[name].to_numpy() for name in ("occurred_at", "position")]
    kept = kept.iloc[np.lexsort([*place, codes, kept["last_at"].to_numpy()])]
    keys = ["last_at", "session_id", "position", "occurred_at"]
    if kept.duplicated(keys[1:]).any():  # rare, and ordering by text takes most of the time
        kept = kept.sort_values([*keys, "sku", "event_type"], kind="stable")
    same = (kept["session_id"] == kept["session_id"].shift()) & (kept["sku"] == kept["sku"].shift())
    return kept[~(same & (kept["event_type"] != "view"))].drop(columns="position").reset_index(drop=True)


@dataclass(frozen=True)
class SessionLog:
    """Sessions, oldest first: the item codes of session ``s`` are ``items[offsets[s]:offsets[s + 1]]``."""

    skus: np.ndarray
    items: np.ndarray
    offsets: np.ndarray
    session_ids: np.ndarray
    last_at: np.ndarray

    @classmethod
    def from_steps(cls, steps: pd.DataFrame, skus: np.ndarray | None = None) -> SessionLog:
        """Encode steps (see ``session_steps``); with ``skus`` given, steps on others are left out."""
        if skus is None:
            skus = np.unique(steps["sku"].to_numpy(dtype=str))
        else:
            steps = steps[steps["sku"].isin(skus)]
        items = (
            np.searchsorted(skus, steps["sku"].to_numpy(dtype=str)) if len(steps) else np.empty(0, dtype=int)
        )
        ids = steps["session_id"].to_numpy(dtype=object)
        starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]]) if len(ids) else np.empty(0, dtype=int)
        offsets = np.r_[starts, len(ids)].astype(np.int64)
        last_at = steps["last_at"].to_numpy()[starts] if len(ids) else np.empty(0, dtype="datetime64[us]")
        return cls(skus, items.astype(np.int64), offsets, ids[starts], last_at)

    def __len__(self) -> int:
        return len(self.session_ids)

    @property
    def session_of_step(self) -> np.ndarray:
        """The session number of each step."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def part(self, first: int, last: int) -> SessionLog:
        """Sessions ``first`` to before ``last``, with the same SKU codes."""
        cut = self.offsets[first : last + 1]
        return SessionLog(
            self.skus,
            self.items[cut[0] : cut[-1]],
            cut - cut[0],
            self.session_ids[first:last],
            self.last_at[first:last],
        )

    def only(self, known: np.ndarray) -> SessionLog:
        """The same sessions with only the steps on ``known`` items (a flag per code); empty ones go."""
        keep = known[self.items]
        sizes = np.bincount(self.session_of_step[keep], minlength=len(self))
        left = sizes > 0
        offsets = np.r_[0, np.cumsum(sizes[left])]
        return SessionLog(self.skus, self.items[keep], offsets, self.session_ids[left], self.last_at[left])


@dataclass(frozen=True)
class Queries:
    """Beginnings of sessions: query ``q`` has seen ``items[first[q]:end[q]]``, oldest first."""

    items: np.ndarray
    first: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, sessions: Sequence[Sequence[int]]) -> Queries:
        """Queries from lists of item codes."""
        ends = np.cumsum([len(s) for s in sessions])
        flat = np.array([i for s in sessions for i in s], dtype=np.int64)
        return cls(flat, np.r_[0, ends[:-1]].astype(np.int64), ends.astype(np.int64))

    @classmethod
    def beginnings(cls, log: SessionLog) -> tuple[Queries, np.ndarray]:
        """Every beginning of every session with the item that came next: (queries, next items)."""
        start = np.repeat(log.offsets[:-1], np.diff(log.offsets))
        at = np.arange(len(log.items))
        inner = at > start
        return cls(log.items, start[inner], at[inner]), log.items[inner]

    def __len__(self) -> int:
        return len(self.end)

    def part(self, rows: slice | np.ndarray) -> Queries:
        """Some of the queries."""
        return Queries(self.items, self.first[rows], self.end[rows])

    @property
    def current(self) -> np.ndarray:
        """The newest item of each query."""
        return self.items[self.end - 1]

    def last_items(self, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Distinct items among each query's last ``limit``: (query, item, steps from the end, length used).

        An item seen twice counts at its newest place.
        """
        first = np.maximum(self.first, self.end - limit)
        length = self.end - first
        query = np.repeat(np.arange(len(self)), length)
        at = (
            np.repeat(self.end, length)
            - 1
            - (np.arange(len(query)) - np.repeat(np.cumsum(length) - length, length))
        )
        item, steps = self.items[at], self.end[query] - 1 - at
        order = np.lexsort((steps, item, query))
        query, item, steps = query[order], item[order], steps[order]
        newest = (
            np.r_[True, (query[1:] != query[:-1]) | (item[1:] != item[:-1])]
            if len(query)
            else np.empty(0, bool)
        )
        return query[newest], item[newest], steps[newest], length[query[newest]]
