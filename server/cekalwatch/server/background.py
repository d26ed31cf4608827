"""Work that gives way to everything else on the machine."""

from __future__ import annotations

import os
import sys
import threading

NICE = 15
"""Of 19: it still gets on while others work."""


def lower_priority() -> None:
    """Let the calling thread, alone, give way to others. Systems that cannot do that leave it as it is."""
    if sys.platform == "linux":  # where priorities belong to threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
