"""Work that gives way to everything else on the machine."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

NICE = 10
"""Of 19: it still gets on while others work, a tenth as fast as they do."""


class BackgroundThreads(ThreadPoolExecutor):
    """Threads that give way to all others, of this program and of the machine."""

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, name, initializer=lower_priority)
        self.count = count
        """How many there are."""


def lower_priority() -> None:
    """Let the calling thread, alone, give way to others. Systems that cannot do that leave it as it is."""
    if sys.platform == "linux":  # where priorities belong to threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
