"""The durable record of the events that this PC has shown. It contains keys and times, and nothing of a person.

An event goes through three steps: `record` (it is about to be shown), the showing itself, `mark_shown`. A process that
dies between the first and the last leaves an *uncertain* event: nobody can say whether it was seen. Such an event is
never shown again under its sequence; its alert is listed again instead.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.access import keep_to_owner, make_folder

MAX_EVENTS = 100_000
"""Older ones are pruned. The server's acknowledged position keeps them from coming again."""

_PRUNE_EVERY = 1_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS shown (
    sequence INTEGER PRIMARY KEY,
    alert_id TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    shown_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS uncertain ON shown (alert_id) WHERE shown_at IS NULL;
DROP TABLE IF EXISTS alert;
"""


class Arrival(StrEnum):
    """What the inbox knows of an event that arrives."""

    NEW = "NEW"
    KNOWN = "KNOWN"
    """Recorded before: shown, or uncertain. Or a later version of its alert was shown here: an alert that was seen
    elsewhere and then at a counter of this PC comes with all its events when the server sends them again."""
    OTHER_LOG = "OTHER_LOG"
    """Its sequence belongs to another alert here: the server's log is another one."""


class Inbox:
    """The record, in one SQLite file that one process may have open; used from one thread at a time."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open or make the file; raises ProgramError when it cannot be used or another process has it."""
        self._now, self._path = now, path
        try:
            make_folder(path.parent)
            # SQLite would make it readable for others; its journal takes over the mode of the file.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            keep_to_owner(path)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        except (OSError, sqlite3.Error) as error:
            raise ProgramError(f"The notifier cannot keep its record in {path}: {error}", Exit.UNAVAILABLE) from None
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            # Each record reaches the disk before its alert is shown, so that a power failure forgets nothing either.
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            self._database.close()
            if "locked" in str(error):
                raise ProgramError(
                    f"Another notifier of the same agent id is running on this PC ({path} is in use); "
                    "end it, or choose another --agent-id",
                    Exit.UNAVAILABLE,
                ) from None
            raise ProgramError(f"The notifier cannot keep its record in {path}: {error}", Exit.UNAVAILABLE) from None
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise ProgramError(
                f"{path} is damaged ({error}); delete it, and open alerts are listed again", Exit.UNAVAILABLE
            ) from None

    def arrival(self, sequence: int, alert_id: str) -> Arrival:
        """Return the record of an event that arrives."""
        held = self._execute("SELECT alert_id FROM shown WHERE sequence = ?", (sequence,)).fetchone()
        if held is None:
            later = "SELECT 1 FROM shown WHERE sequence > ? AND alert_id = ?"
            return Arrival.KNOWN if self._execute(later, (sequence, alert_id)).fetchone() else Arrival.NEW
        return Arrival.KNOWN if held[0] == alert_id else Arrival.OTHER_LOG

    def record(self, sequence: int, alert_id: str) -> None:
        """Record that a new event is about to be shown."""
        self._execute(
            "INSERT INTO shown (sequence, alert_id, recorded_at) VALUES (?, ?, ?)",
            (sequence, alert_id, self._now().isoformat()),
        )
        if sequence % _PRUNE_EVERY == 0:
            self._prune()

    def mark_shown(self, sequence: int) -> None:
        """Record that the event was shown."""
        self._execute("UPDATE shown SET shown_at = ? WHERE sequence = ?", (self._now().isoformat(), sequence))

    def settle(self, *alert_ids: str) -> None:
        """Record that the uncertain events of alerts need no more showing.

        They have been listed, or the server holds them no longer.
        """
        now = self._now().isoformat()
        update = "UPDATE shown SET shown_at = ? WHERE alert_id = ? AND shown_at IS NULL"
        with self._one_write():
            for alert_id in alert_ids:
                self._execute(update, (now, alert_id))

    def uncertain_alerts(self) -> tuple[str, ...]:
        """Return the alerts with uncertain events, in the order of the log."""
        rows = self._execute(
            "SELECT alert_id FROM shown WHERE shown_at IS NULL GROUP BY alert_id ORDER BY min(sequence)"
        )
        return tuple(row[0] for row in rows)

    def newest_sequence(self) -> int:
        """Return the highest sequence recorded, 0 when there is none."""
        return int(self._execute("SELECT coalesce(max(sequence), 0) FROM shown").fetchone()[0])

    def clear(self) -> None:
        """Forget everything: the server's log is another one."""
        self._execute("DELETE FROM shown")

    def close(self) -> None:
        self._database.close()

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """Execute a statement; raises ProgramError when the disk is full or cannot be written or read."""
        try:
            return self._database.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise ProgramError(
                f"The notifier cannot keep its record in {self._path}: {error}. Make room on the disk, or let it be "
                "written; what was not shown comes when the notifier is started again.",
                Exit.UNAVAILABLE,
            ) from None

    @contextmanager
    def _one_write(self) -> Iterator[None]:
        """Make one transaction of the block, so that the disk is waited for once."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._database.in_transaction:  # a full disk has ended it already
                self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")

    def _prune(self) -> None:
        self._execute(
            "DELETE FROM shown WHERE shown_at IS NOT NULL AND sequence <= "
            "(SELECT sequence FROM shown ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
            (MAX_EVENTS,),
        )
