"""Knows programs that are too old for this server by what they say of themselves with each call. Pure.

A client may be of the minor version before the server's, so that servers are upgraded first (docs/upgrading.md). One
that is newer, or says no version, is not refused here.
"""

from __future__ import annotations

from importlib.metadata import version

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.versions import is_behind, minor_version
from cekalwatch.wire.options import PROGRAM


def refuse_outdated(user_agent: str, own: str = version("cekalwatch")) -> None:
    """Raise CLIENT_TOO_OLD for what `user_agent` says of a program that calls a server of the version `own`."""
    name, _, said = user_agent.partition("/")
    client = minor_version(said)
    if name == PROGRAM and client and is_behind(said, own):
        raise CekalwatchError(Code.CLIENT_TOO_OLD, f"{client[0]}.{client[1]}")
