"""Qt without a screen, for the benchmarks of an officer's PC. It imports nothing that the desktop program does not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

DESK = "pc-0"
MAX_WAIT_S = 60.0
LOOK_EVERY_MS = 5


def application() -> QApplication:
    """Return the one application."""
    found = QApplication.instance() or QApplication([])
    if not isinstance(found, QApplication):
        raise TypeError("a window needs a QApplication")
    return found


def wait(condition: Callable[[], object]) -> None:
    """Let Qt work until something is so, and sleep where there is nothing to do; raises TimeoutError."""
    deadline = time.monotonic() + MAX_WAIT_S
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > deadline else None)
    timer.start(LOOK_EVERY_MS)
    loop.exec()
    timer.stop()
    if time.monotonic() > deadline:
        raise TimeoutError("the window did not get there")
