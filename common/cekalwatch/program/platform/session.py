"""The person's session on this machine: when it ends, whether it is locked, and since when nobody has touched it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from cekalwatch.program.platform.service_control import service_control

if sys.platform == "win32":
    STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
    """Signals after which a program ends orderly; on Windows Ctrl-C and Ctrl-Break, and none of other programs."""
    STOPPED_BY = "Ctrl-C"
    """What ends a program, in the words of its help."""
else:
    STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
    STOPPED_BY = "Ctrl-C or SIGTERM"


def session_messages(
    stop: Callable[[], object], locked: Callable[[], object] = lambda: None
) -> AbstractContextManager[object]:
    """Call `stop` when the system ends the session or the service, or asks this program to end.

    `locked` is called when the screen is locked; a service has none.

    For the time of the block, from other threads, each perhaps more than once. The system waits some seconds for the
    end of the block. On POSIX systems there are only signals.
    """
    if control := service_control():
        return control.stopped_by(stop)
    if sys.platform != "win32":
        return nullcontext()
    from cekalwatch.program.platform.windows.session_window import SessionWindow

    return SessionWindow(stop, locked)


def idle_ms() -> int | None:
    """Return the time since the last input in this session, whatever program it was for; None: nobody knows."""
    if sys.platform != "win32":
        return None
    from cekalwatch.program.platform.windows import session_window

    return session_window.idle_ms()


def start_child(command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start a program; on Windows it ends with this process, which may be killed there with nobody to ask first."""
    child = subprocess.Popen(command)  # our own
    if sys.platform == "win32":
        from cekalwatch.program.platform.windows.processes import end_with_me

        end_with_me(child)
    return child


def ask_to_stop(child: subprocess.Popen[bytes]) -> None:
    """Let a child of ours end orderly; one that cannot be asked is ended."""
    if sys.platform == "win32":
        from cekalwatch.program.platform.windows import session_window

        if session_window.ask_to_stop(child):
            return
    child.terminate()
