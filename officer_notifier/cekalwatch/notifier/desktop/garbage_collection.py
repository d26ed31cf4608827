"""Python's collector of unreachable cycles, run in the windows' thread only.

It runs in whichever thread happens to allocate, and would delete a window's parts there: Qt crashes for that.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QTimer

_EVERY_MS = 10_000


class GuiGarbageCollector:
    """Collects from a timer, and not otherwise, until it is closed."""

    def __init__(self) -> None:
        self._was_enabled = gc.isenabled()
        gc.disable()
        self._timer = QTimer()
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(_collect)
        self._timer.start()

    def close(self) -> None:
        """Collect once more, and let Python do as before."""
        self._timer.stop()
        gc.collect()
        if self._was_enabled:
            gc.enable()


def _collect() -> None:
    gc.collect()
