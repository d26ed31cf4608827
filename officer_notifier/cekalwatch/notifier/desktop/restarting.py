"""Keeps the desktop agent running: starts it again when it crashed, as no desktop's autostart does.

It is the parent of the agent's process, and knows nothing of windows: what crashes Qt leaves it alone.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from cekalwatch.notifier.app import stopped_by_signals
from cekalwatch.program.errors import FOR_A_PERSON, Exit
from cekalwatch.program.platform.session import ask_to_stop, start_child
from cekalwatch.wire.backoff import Backoff

FINAL = FOR_A_PERSON | {Exit.OK}
"""Exit codes after which it is not started again; with OK, it was closed."""
LIVED_S = 60.0
"""An agent that ran for this time did not crash because of its start: the next start follows soon again."""
MAX_PAUSE_S = 60.0
_LOOK_EVERY_S = 0.5

log = structlog.get_logger()


def keep_running(
    command: Sequence[str],
    backoff: Backoff | None = None,
    successor: Callable[[], Sequence[str] | None] = lambda: None,
) -> int:
    """Run `command` until it ends, or SIGINT or SIGTERM arrives, and return its exit code.

    When it crashed, it is started again after a pause that grows up to a minute. Once `successor` returns a command,
    the agent is closed, and that command is started in its place; an empty one only closes the agent.
    """
    pauses = backoff or Backoff(first_s=1.0, most_s=MAX_PAUSE_S)
    wanted = threading.Event()

    def over() -> bool:
        return wanted.is_set() or successor() is not None

    with stopped_by_signals(wanted.set):
        while True:
            began = time.monotonic()
            code = _run(command, over)
            if not wanted.is_set() and (newer := successor()) is not None:
                log.info("handed_over", command=list(newer))
                if newer:
                    subprocess.Popen(newer).returncode = 0  # it outlives this process, and nobody waits for it
                return Exit.OK
            if wanted.is_set() or code in FINAL:
                return code
            if time.monotonic() - began >= LIVED_S:
                pauses.reset()
            log.error("agent_crashed", exit_code=code)
            if _within(over, pauses.next_delay_s()) and wanted.is_set():
                return Exit.OK


def _run(command: Sequence[str], over: Callable[[], bool]) -> int:
    with start_child(tuple(command)) as child:
        while child.poll() is None:
            try:
                # A signal that comes in the moment before a wait begins is handled only when that wait ends.
                child.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                if over():
                    ask_to_stop(child)
                    break
        return child.wait()


def _within(over: Callable[[], bool], seconds: float) -> bool:
    """Wait until `over`, and not in an event's wait(): there, this thread may hold the lock of a signal's handler."""
    ends = time.monotonic() + seconds
    while not over() and (left := ends - time.monotonic()) > 0:
        time.sleep(min(_LOOK_EVERY_S, left))
    return over()
