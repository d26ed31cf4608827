"""What memory this process holds, and held at most since it was told to forget the time before.

Linux tells it, see proc(5); elsewhere it is 0. `ru_maxrss` is no such figure: it never goes down, and is never below
the peak of the process that started this one.
"""

from __future__ import annotations

import os
from pathlib import Path

_STATUS = Path("/proc/self/status")
_FORGETS = Path("/proc/self/clear_refs")


def forget_peak() -> None:
    """Let the peak begin at what the process holds now."""
    if _FORGETS.exists():
        file = os.open(_FORGETS, os.O_WRONLY | os.O_CLOEXEC)
        os.write(file, b"5")
        os.close(file)


def peak_bytes() -> int:
    """Return the most that this process held since its peak was forgotten."""
    return _bytes_of("VmHWM:")


def held_bytes() -> int:
    """Return what this process holds."""
    return _bytes_of("VmRSS:")


def _bytes_of(figure: str) -> int:
    if not _STATUS.exists():
        return 0
    lines = _STATUS.read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(figure))
