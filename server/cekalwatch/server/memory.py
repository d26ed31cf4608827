"""How the C library keeps the memory that is freed: large pieces go back to the system at once.

Left to itself, glibc learns from the first large piece that is freed to keep those up to 32 MB on its heaps, one for
each few threads, where they are of no use to others: sixteen large photographs one after another took a quarter more.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_M_TRIM_THRESHOLD: Final = -1
LARGE_BYTES: Final = 8_000_000


def return_large_pieces() -> None:
    """Set it for this process; other C libraries than glibc are left as they are."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, LARGE_BYTES)
