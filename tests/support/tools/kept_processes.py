"""Confined processes that stay for the next who needs one: to start one takes Python three tenths of a second.

A pool that is closed keeps those that wait for a conversation, and a later pool of the same function, limits and
environment goes on with them, as the first one would have. Those that read lists are forked.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from threading import Lock

import pytest

from cekalwatch.program.confined import pool
from cekalwatch.program.confined.pool import ConfinedPool, _Process
from cekalwatch.server.watchlist.sources.list_process import ListProcess
from tests.support.tools.forked_readers import with_forked_readers

_START, _CLOSE_POOL, _CLOSE_LIST = _Process._start, ConfinedPool.close, ListProcess.close
OURS = "cekalwatch."
"""How the functions begin that are run; what an attack runs in their place leaves nothing to anybody."""

MAX_KEPT = 10
"""One that may read a certain file is of use to nobody else, and leaves as the oldest."""

Kind = tuple[tuple[str, ...], frozenset[tuple[str, str]]]


@contextmanager
def kept_processes() -> Iterator[None]:
    """Keep them for the time of the block."""
    kept = _Kept()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Process, "_start", lambda process: kept.taken_by(process) or _START(process))
        patch.setattr(ConfinedPool, "close", partialmethod(_close_pool, kept))
        patch.setattr(ListProcess, "close", _close_list)
        patch.setattr(pool, "subprocess", with_forked_readers(subprocess))
        yield
    kept.end()


@contextmanager
def processes_as_shipped() -> Iterator[None]:
    """Start each process anew, and end it with its pool, for the time of the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Process, "_start", _START)
        patch.setattr(ConfinedPool, "close", _CLOSE_POOL)
        patch.setattr(ListProcess, "close", _CLOSE_LIST)
        patch.setattr(pool, "subprocess", subprocess)
        yield


class _Kept:
    def __init__(self) -> None:
        self._idle: list[tuple[Kind, subprocess.Popen[bytes]]] = []
        self._lock = Lock()

    def taken_by(self, process: _Process) -> subprocess.Popen[bytes] | None:
        kind = _kind(process)
        with self._lock:
            found = next((one for one in self._idle if one[0] == kind), None)
            if found is None:
                return None
            self._idle.remove(found)
        process._running = running = found[1]
        process._watch()
        return running

    def keep(self, process: _Process) -> None:
        running = process._running
        if running and running.poll() is None and any(word.startswith(OURS) for word in process._command[-2:]):
            process._running = None
            with self._lock:
                self._idle.append((_kind(process), running))
            self.end(MAX_KEPT)

    def end(self, left: int = 0) -> None:
        """End all but the newest `left`."""
        while True:
            with self._lock:
                if len(self._idle) <= left:
                    return
                _, running = self._idle.pop(0)
            running.kill()
            running.communicate()


def _kind(process: _Process) -> Kind:
    return tuple(process._command), frozenset(process._environment.items())


def _close_pool(pool: ConfinedPool, kept: _Kept) -> None:
    for process in list(pool._free.queue):
        kept.keep(process)
    _CLOSE_POOL(pool)


def _close_list(reading: ListProcess) -> None:
    if all(process._deadline is None for process in reading._pool._processes):  # nobody waits for an answer
        reading._conversation.close()
    _CLOSE_LIST(reading)
