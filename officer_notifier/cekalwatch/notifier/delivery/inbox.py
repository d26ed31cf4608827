"""The durable record of the events that this PC has shown. It contains keys and times, and nothing of a person.

An event goes through three steps: `record` (it is about to be shown), the showing itself, `mark_shown`. A process that
dies between the first and the last leaves an *uncertain* event: nobody can say whether it was seen. Such an event is
never shown again under its sequence; its alert is listed again instead.

It also knows which alerts were shown, and how they stood then: an alert rings once on a PC, whatever brings it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from cekalwatch.contract.values.alerts import Alert
from cekalwatch.office.alerts import News
from cekalwatch.program.errors import Exit, ProgramError

MAX_EVENTS = 100_000
"""Older ones are pruned, and as many alerts. The server's acknowledged position keeps them from coming again."""

_PRUNE_EVERY = 1_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS shown (
    sequence INTEGER PRIMARY KEY,
    alert_id TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    shown_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS uncertain ON shown (alert_id) WHERE shown_at IS NULL;
CREATE TABLE IF NOT EXISTS alert (
    alert_id TEXT PRIMARY KEY,
    stamp TEXT NOT NULL,
    shown_at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS alert_age ON alert (shown_at);
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
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite would make it readable for others; its journal takes over the mode of the file.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            path.chmod(0o600)
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

    def news(self, alert: Alert) -> News:
        """Return whether this version of the alert is new to this PC."""
        held = self._execute("SELECT stamp FROM alert WHERE alert_id = ?", (alert.alert_id,)).fetchone()
        if held is None:
            return News.FIRST
        if held[0] == alert.stamp:
            return News.SAME
        return News.CALLED if alert.calls > int(held[0].split("/")[1]) else News.CHANGED

    def mark_shown(self, sequence: int, alert: Alert) -> None:
        """Record that the event was shown, with the version of its alert."""
        now = self._now().isoformat()
        with self._one_write():
            self._execute("UPDATE shown SET shown_at = ? WHERE sequence = ?", (now, sequence))
            self._keep(alert, now)

    def mark_alerts_shown(self, alerts: Iterable[Alert]) -> None:
        """Record that the alerts have been shown without an event, which settles their uncertain events."""
        now = self._now().isoformat()
        with self._one_write():
            for alert in alerts:
                self._settle(alert.alert_id, now)
                self._keep(alert, now)

    def settle(self, alert_id: str) -> None:
        """Record that the uncertain events of an alert need no more showing: the server holds it no longer."""
        self._settle(alert_id, self._now().isoformat())

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
        with self._one_write():
            self._execute("DELETE FROM shown")
            self._execute("DELETE FROM alert")

    def close(self) -> None:
        """Close the file."""
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

    def _settle(self, alert_id: str, now: str) -> None:
        self._execute("UPDATE shown SET shown_at = ? WHERE alert_id = ? AND shown_at IS NULL", (now, alert_id))

    def _keep(self, alert: Alert, now: str) -> None:
        self._execute(
            "INSERT INTO alert (alert_id, stamp, shown_at) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET stamp = excluded.stamp, shown_at = excluded.shown_at",
            (alert.alert_id, alert.stamp, now),
        )

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
        self._execute(
            "DELETE FROM alert WHERE shown_at <= (SELECT shown_at FROM alert ORDER BY shown_at DESC LIMIT 1 OFFSET ?)",
            (MAX_EVENTS,),
        )
