"""A page of the console: its address, its rights and what answers. Extensions have pages too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.values.people import PersonRole

STRANGERS: Final = None
"""Everybody, signed in or not."""


@dataclass(frozen=True)
class Page:
    """A page, or something that a page does."""

    method: Literal["GET", "POST"]
    path: str
    people: frozenset[PersonRole] | None
    """The roles of which a person needs one, ANYBODY or STRANGERS. The server decides again."""
    handler: Callable[[RequestContext], Response]
    """Answers in a thread; may raise NotSignedInError and grpc.RpcError."""
    by_a_person: bool = True
    """Whether a person requests it; a part that a page updates itself does not keep the session alive."""
    again: Callable[[RequestContext, str], Response] | None = None
    """Shows the form as it was filled in, with a message; None for a page without input. It may raise as `handler`
    does."""
    takes_file: bool = False
    """Whether its form has a file."""
    with_first_password: bool = False
    """Whether people may see it who have not changed their first password yet."""
    stream: Callable[[RequestContext], Awaitable[Response]] | None = None
    """Answers instead on the event loop, for as long as the browser listens."""
    on_wall: bool = False
    """Whether the session of a wall counts, and no other: it sees these pages only."""
