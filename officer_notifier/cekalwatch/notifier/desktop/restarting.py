"""Keeps the desktop agent running: starts it again when it crashed, as no desktop's autostart does.

It is the parent of the agent's process, and knows nothing of windows: what crashes Qt leaves it alone.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence

import structlog

from cekalwatch.notifier.app import stopped_by_signals
from cekalwatch.program.errors import Exit
from cekalwatch.wire.backoff import Backoff

FINAL = frozenset({Exit.OK, Exit.USAGE, Exit.MISSING_EXTRA, Exit.REFUSED, Exit.CONFIG})
"""Exit codes after which a start would end alike: it was closed, or a person must change something first."""
LIVED_S = 60.0
"""An agent that ran for this time did not crash because of its start: the next start follows soon again."""
MAX_PAUSE_S = 60.0
_LOOK_EVERY_S = 0.5

log = structlog.get_logger()


def keep_running(command: Sequence[str], backoff: Backoff | None = None) -> int:
    """Run `command` until it ends, or SIGINT or SIGTERM arrives, and return its exit code.

    When it crashed, it is started again after a pause that grows up to a minute.
    """
    pauses = backoff or Backoff(first_s=1.0, most_s=MAX_PAUSE_S)
    wanted = threading.Event()
    with stopped_by_signals(wanted.set):
        while True:
            began = time.monotonic()
            code = _run(command, wanted)
            if wanted.is_set() or code in FINAL:
                return code
            if time.monotonic() - began >= LIVED_S:
                pauses.reset()
            log.error("agent_crashed", exit_code=code)
            if _set_within(wanted, pauses.next_delay_s()):
                return Exit.OK


def _run(command: Sequence[str], wanted: threading.Event) -> int:
    with subprocess.Popen(command) as child:
        while child.poll() is None:
            try:
                # A signal that comes in the moment before a wait begins is handled only when that wait ends.
                child.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                if wanted.is_set():
                    child.terminate()
                    break
        return child.wait()


def _set_within(wanted: threading.Event, seconds: float) -> bool:
    """Wait for a signal's handler to set `wanted`: in its own wait(), this thread may hold the lock that it needs."""
    ends = time.monotonic() + seconds
    while not wanted.is_set() and (left := ends - time.monotonic()) > 0:
        time.sleep(min(_LOOK_EVERY_S, left))
    return wanted.is_set()
