"""The writers of one SQLite take turns, and each is woken when the one before has ended (docs/adr/0067).

SQLite has no queue: a writer that meets another one sleeps for ever longer, up to a tenth of a second, and looks again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Self

_BEGINS_TO_WRITE = ("INSERT", "UPDATE", "DELETE", "REPLACE", "BEGIN IMMEDIATE")
"""Before the first four Python's driver begins a transaction."""


class WriteTurns:
    """Who may write now: the first who asks, then the others in the order in which they asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def take(self, timeout_s: float) -> bool:
        """Wait for the turn; return whether it came in time. Who has it gives it back."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            own = threading.Event()
            self._waiting.append(own)
        if own.wait(timeout_s):
            return True
        with self._lock:
            if own.is_set():
                return True
            self._waiting.remove(own)
            return False

    def give_back(self) -> None:
        """Let the next one write."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


class OneWriter(sqlite3.Connection):
    """A connection that has the turn from the first write of its cursors to the end of that transaction.

    One whose turn does not come in time writes without: SQLite says what is wrong.
    """

    def __init__(self, turns: WriteTurns, timeout_s: float, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # the driver's
        """Share `turns` with the other connections of the process to this database; wait for `timeout_s` at most."""
        super().__init__(*arguments, **options)
        self._turns, self._timeout_s = turns, timeout_s
        self._has_turn = False

    def cursor(self, factory: Callable[[sqlite3.Connection], sqlite3.Cursor] | None = None) -> Any:  # noqa: ANN401  # as the driver's
        """Return a cursor whose writes wait for the turn."""
        return super().cursor(factory or _Cursor)

    def await_turn(self, statement: str) -> None:
        """Have the turn before `statement`, if that begins to write."""
        if not self.in_transaction and statement.lstrip()[:16].upper().startswith(_BEGINS_TO_WRITE):
            self._has_turn = self._has_turn or self._turns.take(self._timeout_s)

    def commit(self) -> None:
        """End the transaction, and the turn."""
        try:
            super().commit()
        finally:
            if not self.in_transaction:  # a commit that failed may leave it open
                self._give_back()

    def rollback(self) -> None:
        """End the transaction, and the turn."""
        try:
            super().rollback()
        finally:
            self._give_back()

    def close(self) -> None:
        """Close; what was not committed is rolled back."""
        super().close()
        self._give_back()

    def _give_back(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.give_back()


class _Cursor(sqlite3.Cursor):
    connection: OneWriter

    def execute(self, statement: str, *parameters: Any) -> Self:  # noqa: ANN401  # as the driver's
        self.connection.await_turn(statement)
        return super().execute(statement, *parameters)

    def executemany(self, statement: str, parameters: Iterable[Any]) -> Self:
        self.connection.await_turn(statement)
        return super().executemany(statement, parameters)
