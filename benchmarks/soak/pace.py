"""How quick the machine itself is: a fixed piece of work and one write to its disk, each second.

A virtual machine's host is used by others, whom nothing here can see. What got later while this got slower says nothing
of the programs.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from benchmarks.soak.minutes import Delays, Pace

EVERY_S = 1.0
ROUNDS = 20_000
"""About a millisecond of a core."""
PAGE = bytes(4_096)


class MachinePace(threading.Thread):
    """Looks at the machine until it is closed."""

    def __init__(self, file: Path) -> None:
        """`file` is written anew each time; it is on the disk whose pace is wanted."""
        super().__init__(name="machine-pace", daemon=True)
        self._file = file
        self._lock = threading.Lock()
        self._loops_ms: list[float] = []
        self._writes_ms: list[float] = []
        self._closed = threading.Event()

    def take(self) -> Pace:
        """Return what was seen since the last call."""
        with self._lock:
            loops_ms, self._loops_ms = self._loops_ms, []
            writes_ms, self._writes_ms = self._writes_ms, []
        return Pace(Delays.of(loops_ms), Delays.of(writes_ms))

    def close(self) -> None:
        """End."""
        self._closed.set()
        self.join()

    def run(self) -> None:
        """Look."""
        descriptor = os.open(self._file, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            while not self._closed.wait(EVERY_S):
                loop_ms, write_ms = _loop_ms(), _write_ms(descriptor)
                with self._lock:
                    self._loops_ms.append(loop_ms)
                    self._writes_ms.append(write_ms)
        finally:
            os.close(descriptor)


def _loop_ms() -> float:
    begun_s, total = time.perf_counter(), 0
    for number in range(ROUNDS):
        total += number * number
    return (time.perf_counter() - begun_s) * 1000


def _write_ms(descriptor: int) -> float:
    begun_s = time.perf_counter()
    os.pwrite(descriptor, PAGE, 0)
    os.fsync(descriptor)
    return (time.perf_counter() - begun_s) * 1000
