"""Whether something keeps this machine's clock right."""

from __future__ import annotations

import sys
from dataclasses import dataclass

if sys.platform != "win32":
    import ctypes

_CLOCK_NOT_SET = 5
"""TIME_ERROR of adjtimex(2): nothing keeps the clock in step."""
_TIMEX_BYTES = 512
"""More than the kernel's struct timex has."""
_SERVICE = r"SYSTEM\CurrentControlSet\Services\W32Time"
_DISABLED = 4


@dataclass(frozen=True)
class ClockKeeping:
    """What the system says."""

    kept: bool | None
    """None: it does not say."""
    remedy: str
    """What a person can do where nothing keeps it right."""


def clock_keeping() -> ClockKeeping:
    """Ask the kernel on Linux; on Windows, how its time service is set. Elsewhere nobody is asked."""
    if sys.platform == "win32":
        from cekalwatch.program.platform.windows.registry import tree

        service = tree(_SERVICE)
        kind = service.get("Parameters", {}).get("Type")
        kept = None if kind is None else kind != "NoSync" and service.get("Start") != _DISABLED
        return ClockKeeping(kept, "w32tm /config /syncfromflags:domhier /update, as administrator in a domain")
    remedy = "timedatectl set-ntp true"
    if not sys.platform.startswith("linux"):
        return ClockKeeping(None, remedy)
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return ClockKeeping(None if state < 0 else state != _CLOCK_NOT_SET, remedy)
