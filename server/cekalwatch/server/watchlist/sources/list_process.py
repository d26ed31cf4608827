"""The confined process that reads a list: a list made to do harm ends it, and nothing else.

What it answers is checked by who asks, and becomes records in the server by the same checks as any other.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack
from functools import wraps
from types import MappingProxyType
from typing import Final

from cekalwatch.program.confined.limits import Limits
from cekalwatch.program.confined.messages import Refusal, Served
from cekalwatch.program.confined.pool import Ask, Cause, ConfinedError, ConfinedPool
from cekalwatch.server.watchlist.sources import cell_transfer
from cekalwatch.server.watchlist.sources.content import Content
from cekalwatch.server.watchlist.sources.source import (
    BrokenPage,
    ColumnsWrong,
    SourceMisconfigured,
    SourceSealed,
    SourceTooCostly,
    SourceUnavailable,
)

MAX_TOLD: Final = 2000
"""Characters of a refusal that are told."""

_RAISED: Final = (SourceUnavailable, SourceMisconfigured, SourceSealed, ColumnsWrong, SourceTooCostly, BrokenPage)
_KINDS: Final = {kind.__name__: kind for kind in _RAISED}


class ListProcess:
    """One process, which reads one list; one thread at a time. Methods raise SourceUnavailable."""

    def __init__(
        self,
        function: Served,
        what: str,
        limits: Limits,
        max_answer_bytes: int,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`what` is the list's name in messages; `environment` is added to that of the process."""
        name = f"{function.__module__}:{function.__name__}"
        self._pool = ConfinedPool(name, limits, max_answer_bytes=max_answer_bytes, environment=environment)
        self._what = what
        self._conversation = ExitStack()
        self._asks: Ask | None = None
        self.answered_bytes = 0
        """Of all answers so far."""

    def close(self) -> None:
        """End the process, whatever it does."""
        self._asks = None
        self._pool.close()
        self._conversation.close()

    def begin(self, request: bytes) -> object:
        """Let the function begin, and return its first answer."""
        self._conversation.close()
        try:
            self._asks = self._conversation.enter_context(self._pool.conversation())
        except ConfinedError as error:
            raise self._failure(error) from None
        return self.ask(request)

    def begin_with(self, request: bytes, content: Content) -> object:
        """Let the function begin and take `content` in, and return its first answer after that."""
        answer = self.begin(request)
        for piece in content.pieces():
            answer = self.ask(piece)
        return answer

    def ask(self, request: bytes = b"") -> object:
        """Let the function go on, and return its next answer."""
        try:
            return cell_transfer.read(self.ask_bytes(request))
        except ValueError:
            raise self.unfit() from None

    def ask_bytes(self, request: bytes) -> bytes:
        """Let the function go on, and return its next answer as it comes."""
        if self._asks is None:
            raise TypeError("the reading has not begun")
        try:
            answer = self._asks(request)
        except Refusal as refusal:
            shown = "".join(sign if sign.isprintable() else "?" for sign in refusal.detail[:MAX_TOLD])
            raise _KINDS.get(refusal.kind, SourceMisconfigured)(shown) from None
        except ConfinedError as error:
            raise self._failure(error) from None
        if answer is None:
            raise self.unfit()
        self.answered_bytes += len(answer)
        return answer

    def unfit(self) -> SourceMisconfigured:
        """Return the error for an answer that cannot be one, and end the process that gave it."""
        self._pool.close()
        return SourceMisconfigured(f"{self._what} cannot be read: its reader answers what it must not")

    def _failure(self, error: ConfinedError) -> SourceUnavailable:
        match error.cause:
            case Cause.MEMORY | Cause.TIME:
                return SourceTooCostly(
                    f"{self._what} takes more {error.cause} to read than a list may: see whether it is damaged, or "
                    "made to do harm; a list that is only large can be divided"
                )
            case Cause.NOT_STARTED:
                return SourceUnavailable(
                    f"{self._what} cannot be read now: no process can be started for it ({error.detail})"
                )
        return SourceMisconfigured(f"{self._what} cannot be read: its reader ended ({error.detail})")


def refusing(function: Served) -> Served:
    """Return the function with its SourceUnavailable made refusals, which reach the other end."""

    @wraps(function)
    def refused(request: bytes) -> Generator[bytes, bytes, None]:
        try:
            yield from function(request)
        except SourceUnavailable as error:
            raise Refusal(type(error).__name__, str(error)) from error

    return refused
