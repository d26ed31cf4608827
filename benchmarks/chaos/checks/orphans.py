"""No process outlives the program that began it: what a server confines ends with it, also when it was killed.

The bench asks the kernel for the orphans among its descendants, which come to it as children then (Linux).
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil

from benchmarks.chaos.machines.process import Lives

ENDED_WITHIN_S = 15.0
"""After its program."""
PR_SET_CHILD_SUBREAPER = 36
POSTGRES = "postgres"
"""Its nodes are no children of the programs, and watched elsewhere."""


class Orphans:
    """Those that have come since it was made; `adopted` makes it."""

    def __init__(self) -> None:
        self._before = {child.pid for child in psutil.Process().children()}

    def wrong(self, programs: Iterable[Lives]) -> list[str]:
        """Wait until none is left, and say which still are."""
        own = {life.process.pid for program in programs for life in program.lives}
        deadline = time.monotonic() + ENDED_WITHIN_S
        while orphans := self._now(own):
            if time.monotonic() > deadline:
                return [f"nobody ended process {one.pid}: {_command(one)}" for one in orphans]
            time.sleep(0.5)
        return []

    def _now(self, own: set[int]) -> list[psutil.Process]:
        found = []
        for child in psutil.Process().children():
            try:
                if child.pid in own | self._before or child.name() == POSTGRES:
                    continue
                if child.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(child.pid, os.WNOHANG)
                    continue
            except (psutil.NoSuchProcess, ChildProcessError):
                continue
            found.append(child)
        return found


@contextmanager
def adopted() -> Iterator[Orphans]:
    """Have orphans come to this process for the time of the block; on other systems than Linux none is found."""
    _become_subreaper(1)
    try:
        yield Orphans()
    finally:
        _become_subreaper(0)


def _become_subreaper(whether: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, whether, 0, 0, 0)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "ended just now"
