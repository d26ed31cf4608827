"""Threads of low priority, for work that must not delay anything else on the machine."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

NICE = 10
"""Of 19: it still gets on while others work, a tenth as fast as they do."""


class BackgroundThreads(ThreadPoolExecutor):
    """A pool of threads with lower priority than all others, of this program and of the machine."""

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, name, initializer=lower_priority)
        self.count = count
        """Number of threads."""


def lower_priority() -> None:
    """Lower the priority of the calling thread alone. Systems that cannot do that leave it as it is."""
    if sys.platform == "linux":  # where priorities belong to threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
