"""The calls of one service of the server, made for the person who has signed in, and what shows who that is.

Errors stay grpc.RpcError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import grpc

from cekalwatch.wire.calls import Calls
from cekalwatch.wire.tokens import bearer


class Token(Protocol):
    """The token of the signed-in person."""

    def token(self) -> str:
        """Return it; empty when nobody is."""


class TokenHolder(Token, Protocol):
    """Where a token stays as long as its person is signed in: a file on a PC, memory in a web console."""

    def keep(self, token: str) -> None:
        """Hold a token; raises ProgramError when that is not possible."""

    def forget(self) -> None:
        """Forget the token; raises ProgramError when that is not possible."""


class NoToken:
    """A PC without a signed-in person and without a token."""

    def token(self) -> str:
        """Return an empty text."""
        return ""

    def keep(self, token: str) -> None:
        """Keep nothing."""

    def forget(self) -> None:
        """Nothing is held."""


DEADLINE_S = 15.0
Stub = TypeVar("Stub")


class ServiceClient(Generic[Stub]):
    """It may be used from several threads."""

    stub: Callable[[grpc.Channel], Stub]
    """Of the service."""
    deadline_s = DEADLINE_S
    """How long a call may take."""

    def __init__(self, calls: Calls, session: Token) -> None:
        self._calls = calls
        self._session = session

    def _call(
        self,
        method: Callable[[Stub], Callable[..., Any]],
        request: object,
        second: str = "",
        *,
        token: str = "",
        deadline_s: float | None = None,
    ) -> Any:  # noqa: ANN401  # each method has an answer of its own
        """Make a call.

        `second` is the token of a second person, if the method needs one; `token` that of whoever makes this
        call in place of the person who has signed in.
        """
        return self._calls.make(self._made(method, request, second, token), deadline_s or self.deadline_s)

    def _call_holder(
        self,
        method: Callable[[Stub], Callable[..., Any]],
        request: object,
        elsewhere: Callable[[grpc.RpcError], bool],
    ) -> Any:  # noqa: ANN401  # as above
        """Make a call that one of the servers can answer only; see `Calls.make_at_holder`."""
        return self._calls.make_at_holder(self._made(method, request), self.deadline_s, elsewhere)

    def _made(
        self, method: Callable[[Stub], Callable[..., Any]], request: object, second: str = "", token: str = ""
    ) -> Callable[[grpc.Channel, float], Any]:
        metadata, stub = bearer(token or self._session.token(), second), type(self).stub
        return lambda channel, left_s: method(stub(channel))(request, timeout=left_s, metadata=metadata)
