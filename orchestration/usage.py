"""How much memory a run takes: its process, the steps forked for it, and the Spark process together."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

SECONDS_BETWEEN_LOOKS = 1.0
HIGHER = 1.05


class PeakMemory:
    """Watches this process and its children while entered; ``megabytes`` is the most they held at once.

    Pages that forked processes share are counted once for each process where the system does not tell the
    proportional share (``pss``), so the figure is an upper bound there.
    """

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._most_resident = 0.0
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._done.wait(SECONDS_BETWEEN_LOOKS):
            processes = [own, *_children(own)]
            resident = sum(_resident(one) for one in processes)
            # Proportional shares cost a walk over all pages: they are asked for at a new height only.
            if resident > HIGHER * self._most_resident:
                self._most_resident = resident
                self.megabytes = max(self.megabytes, sum(_held(one) for one in processes) / 1e6)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _held(process: psutil.Process) -> int:
    """Bytes of memory of one process; nothing for one that has just ended."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", memory.rss))
