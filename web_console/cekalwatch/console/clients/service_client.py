"""The calls of one service of the server, made for the person who has signed in. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import grpc

from cekalwatch.office.client.token import Token
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.tokens import bearer

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

    def _call(self, method: Callable[[Stub], Callable[..., Any]], request: object, second: str = "") -> Any:  # noqa: ANN401  # each method has an answer of its own
        """Make a call; `second` is the token of a second person, if the method needs one."""
        return self._calls.make(self._made(method, request, second), self.deadline_s)

    def _call_holder(
        self,
        method: Callable[[Stub], Callable[..., Any]],
        request: object,
        elsewhere: Callable[[grpc.RpcError], bool],
    ) -> Any:  # noqa: ANN401  # as above
        """Make a call that one of the servers can answer only; see `Calls.make_at_holder`."""
        return self._calls.make_at_holder(self._made(method, request), self.deadline_s, elsewhere)

    def _made(
        self, method: Callable[[Stub], Callable[..., Any]], request: object, second: str = ""
    ) -> Callable[[grpc.Channel, float], Any]:
        metadata, stub = bearer(self._session.token(), second), type(self).stub
        return lambda channel, left_s: method(stub(channel))(request, timeout=left_s, metadata=metadata)
