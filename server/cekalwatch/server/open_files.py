"""How many files and connections this process may have open, so that no flood of connections takes the last handle.

What the server itself opens (the database, keys, revocation lists, the threads' pipes) has handles in reserve, which
connections never get: gRPC closes those beyond their bound as it accepts them.
"""

from __future__ import annotations

import sys

from cekalwatch.program.errors import Exit, ProgramError

MOST_WANTED = 65_536
RESERVED = 256
"""Handles that connections do not get."""
MIN_CONNECTIONS = 32


def raise_limit() -> int:
    """Let this process open as many files as its account may; return how many that are."""
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
