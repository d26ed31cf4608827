"""Knows programs that are too old for this server by what they say of themselves with each call. Pure.

A client may be of the minor version before the server's, so that servers are upgraded first (docs/upgrading.md). One
that is newer, or says no version, is not refused here.
"""

from __future__ import annotations

import re
from importlib.metadata import version

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.wire.options import PROGRAM

MAX_BEHIND = 1
"""By how many minor versions a client may be behind."""
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})\.", re.ASCII)


def refuse_outdated(user_agent: str, own: str = version("cekalwatch")) -> None:
    """Raise CLIENT_TOO_OLD for what `user_agent` says of a program that calls a server of the version `own`."""
    client, server = _version(user_agent.removeprefix(f"{PROGRAM}/")), _version(own)
    if not user_agent.startswith(f"{PROGRAM}/") or client is None or server is None:
        return
    if client[0] < server[0] or (client[0] == server[0] and server[1] - client[1] > MAX_BEHIND):
        raise CekalwatchError(Code.CLIENT_TOO_OLD, f"{client[0]}.{client[1]}")


def _version(text: str) -> tuple[int, int] | None:
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2])) if found else None
