"""Priorities of threads when there are more of them than cores (docs/adr/0066)."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum


class Priority(IntEnum):
    """Priority of a thread as the operating system's "nice" value, up to 19, the lowest priority."""

    SERVING = 0
    """Waits most of the time, and works for a moment then: the event loop, the database, alerts on their way."""
    RECOGNITION = 5
    """Holds a core for tens of milliseconds, again and again. It gets all that the former leaves."""
    BACKGROUND = 15
    """Must not delay anything else. It still gets on while recognition takes all cores, a tenth as fast."""

    def take(self) -> None:
        """Lower the calling thread's priority to this, unless it is there already; threads that it starts inherit it.

        Systems that cannot do that for a single thread leave it as it is.
        """
        if sys.platform == "linux":  # where priorities belong to threads
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, max(self, os.getpriority(os.PRIO_PROCESS, thread)))


class BackgroundThreads(ThreadPoolExecutor):
    """A pool of threads that stand back for all others, of this program and of the machine."""

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, name, initializer=Priority.BACKGROUND.take)
        self.count = count
        """Number of threads."""
