"""Calls that are made for the person who has signed in, and what shows who that is.

Errors stay grpc.RpcError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import grpc

from cekalwatch.contract.engine.call import Asked
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.tokens import Metadata, bearer


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
"""A sign-in may have to wait for others."""
Answer = TypeVar("Answer")


class ServiceClient:
    """It may be used from several threads."""

    deadline_s = DEADLINE_S
    """How long a call may take."""

    def __init__(self, calls: Calls, session: Token) -> None:
        self._calls = calls
        self._session = session

    def ask(
        self, asked: Asked[Answer], second: str = "", *, token: str = "", deadline_s: float | None = None
    ) -> Answer:
        """Make a call, and return its answer; of a stream, the first one.

        `second` is the token of a second person, if the method needs one; `token` that of whoever makes this
        call in place of the person who has signed in.
        """
        metadata = bearer(token or self._session.token(), second)
        return send(self._calls, asked, metadata, deadline_s or self.deadline_s)

    def ask_holder(self, asked: Asked[Answer], elsewhere: Callable[[grpc.RpcError], bool]) -> Answer:
        """Make a call that one of the servers can answer only; see `Calls.make_at_holder`."""
        sending = _sending(asked, bearer(self._session.token()))
        answer: Answer = asked.call.answer.read(self._calls.make_at_holder(sending, self.deadline_s, elsewhere))
        return answer


def send(calls: Calls, asked: Asked[Answer], metadata: Metadata, deadline_s: float) -> Answer:
    """Make a call, and return what it answers."""
    answer: Answer = asked.call.answer.read(calls.make(_sending(asked, metadata), deadline_s))
    return answer


def _sending(asked: Asked[object], metadata: Metadata) -> Callable[[grpc.Channel, float], Any]:
    def sent(channel: grpc.Channel, left_s: float) -> Any:  # noqa: ANN401  # each method has an answer of its own
        found = asked.on(channel, timeout=left_s, metadata=metadata)
        if not asked.call.method.server_streaming:
            return found
        try:
            return next(iter(found))
        finally:
            found.cancel()

    return sent
