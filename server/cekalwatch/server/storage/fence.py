"""Fences: what must still be true when a transaction commits, or it does not commit.

A server that was stopped for a while, or that the network cut off, does not know that another one does its work by now.
Its work runs behind a fence: each transaction asks the database, and keeps the answer true until it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from sqlmodel import Session

from cekalwatch.server.storage.errors import StorageError


class LeaseLostError(StorageError):
    """Another server does this work by now; nothing of the transaction was written."""


class Fence(Protocol):
    """What is checked at the end of a transaction."""

    def check(self, session: Session) -> None:
        """Raise LeaseLostError where it is not true any more; else nobody may change it until the session ends."""


_CURRENT: ContextVar[Fence | None] = ContextVar("fence", default=None)


@contextmanager
def fenced(fence: Fence | None) -> Iterator[None]:
    """Let all sessions that are begun in this block, on this thread, commit behind `fence`; None: behind no fence."""
    token = _CURRENT.set(fence)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_fence() -> Fence | None:
    """Return the fence behind which the caller works."""
    return _CURRENT.get()
