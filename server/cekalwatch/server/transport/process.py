"""The server's process: its limits of open files and connections, and the return of freed memory."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

from cekalwatch.program.errors import Exit, ProgramError

MOST_WANTED = 65_536
RESERVED = 256
"""File handles reserved from connections, so that a flood cannot take the last one.

What the server itself opens needs them: the database, keys, revocation lists, the threads' pipes. gRPC closes
connections beyond their bound as it accepts them."""
MIN_CONNECTIONS = 32


def raise_limit() -> int:
    """Raise this process's limit of open files to its account's maximum; return the limit."""
    if sys.platform == "win32":  # there, sockets do not count among them
        return MOST_WANTED
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_WANTED if hard == resource.RLIM_INFINITY else min(hard, MOST_WANTED)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return soft


def connection_bound(wanted: int, open_files: int) -> int:
    """Return how many connections of `wanted` a process with that many files can have; raises ProgramError."""
    most = min(wanted, open_files - RESERVED)
    if most < MIN_CONNECTIONS:
        raise ProgramError(
            f"This account may open {open_files} files, and the server needs {RESERVED + MIN_CONNECTIONS} at least: "
            "raise its limit (ulimit -n, or LimitNOFILE= of the systemd unit)",
            Exit.CONFIG,
        )
    return most


_M_MMAP_THRESHOLD: Final = -3
_M_TRIM_THRESHOLD: Final = -1
LARGE_BYTES: Final = 8_000_000


def return_large_pieces() -> None:
    """Return large freed blocks of memory to the system at once; only for glibc.

    Left to itself, glibc learns from the first large piece that is freed to keep those up to 32 MB on its heaps, one
    for each few threads, where they are of no use to others: sixteen large photographs one after another took a quarter
    more.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, LARGE_BYTES)
