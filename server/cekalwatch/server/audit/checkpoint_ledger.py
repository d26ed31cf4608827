"""The ledger of a signer, next to its key: an SQLite file that somebody who can write to the database cannot write.

Before anything is signed, the database is compared with it. It also keeps the checkpoints that have not yet reached
their destinations. A checkpoint is written here first, then to the database, then marked as stored: an unmarked one may
be missing in the database because the program ended between the two, and is written again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.entry import GENESIS


class HistoryChange(StrEnum):
    """Differences between the history in the database and the signer's ledger."""

    ENTRY_CHANGED = "ENTRY_CHANGED"
    """The last entry that was signed or seen has changed."""
    ENTRY_GONE = "ENTRY_GONE"
    """The last entry that was signed or seen is missing: the trail is older."""
    CHAIN_BROKEN = "CHAIN_BROKEN"
    """Later entries do not follow from it."""
    CHECKPOINT_GONE = "CHECKPOINT_GONE"
    """Checkpoints of this signer are missing."""
    CHECKPOINT_CHANGED = "CHECKPOINT_CHANGED"
    """The newest checkpoint is not the one that was signed."""
    LEDGER_GONE = "LEDGER_GONE"
    """A key exists without a ledger: the signed history is unknown."""


class HistoryChangedError(Exception):
    """The history must not be signed; `entry` is the first one that shows why, 0 if none does."""

    def __init__(self, change: HistoryChange, entry: int = 0) -> None:
        super().__init__(f"{change} at entry {entry}" if entry else str(change))
        self.change = change
        self.entry = entry


_FIELDS = "number, sequence, hash, at, public_key, signature"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS newest (
    id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL, sequence INTEGER NOT NULL, hash TEXT NOT NULL,
    at TEXT NOT NULL, public_key TEXT NOT NULL, signature TEXT NOT NULL, stored INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS seen (
    id INTEGER PRIMARY KEY CHECK (id = 1), sequence INTEGER NOT NULL, hash TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS given_up (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS waiting (
    destination TEXT NOT NULL, {_FIELDS.replace(",", " NOT NULL,")} NOT NULL, PRIMARY KEY (destination, number)
);
"""
TIMEOUT_S = 10.0


class Signed(NamedTuple):
    """The newest checkpoint of a signer."""

    checkpoint: Checkpoint
    stored: bool
    """Whether the database is known to have it."""


class Entry(NamedTuple):
    """An entry of the trail by its place."""

    sequence: int
    hash: str


@dataclass(frozen=True)
class GivenUp:
    """First and last number of checkpoints that two people have given up, after a backup was restored."""

    first: int
    last: int

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last


class CheckpointLedger:
    """The record in one file. Each method is one transaction, written to the disk when it returns.

    Methods raise HistoryChangedError LEDGER_GONE when the file is missing, and ProgramError when it cannot be used.
    """

    def __init__(self, file: Path, destinations: Sequence[str] = ()) -> None:
        """New checkpoints wait for each of the `destinations`."""
        self._file = file
        self._destinations = tuple(destinations)

    @property
    def name(self) -> str:
        """The path, for messages."""
        return str(self._file)

    def begin(self) -> None:
        """Make the file, for its owner only, unless it exists. It is made only together with a new key."""
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.touch(0o600)
        except OSError as error:
            raise ProgramError(f"Cannot make {self._file}: {error.strerror}", Exit.CONFIG) from None
        with self._transaction() as database:
            database.executescript(_TABLES)

    def newest(self) -> Signed | None:
        """Return the last signed checkpoint."""
        with self._transaction() as database:
            row = database.execute(f"SELECT {_FIELDS}, stored FROM newest").fetchone()  # noqa: S608  # own names
        return Signed(Checkpoint(*row[:-1]), bool(row[-1])) if row else None

    def seen(self) -> Entry:
        """Return the last entry that was seen, signed or not; before the first, sequence 0 with `GENESIS`."""
        with self._transaction() as database:
            row = database.execute("SELECT sequence, hash FROM seen").fetchone()
        return Entry(*row) if row else Entry(0, GENESIS)

    def see(self, entry: Entry) -> None:
        """Remember an entry as seen."""
        with self._transaction() as database:
            _see(database, entry)

    def given_up(self) -> list[GivenUp]:
        """Return the numbers of checkpoints that may be missing in the database."""
        with self._transaction() as database:
            rows = database.execute("SELECT first, last FROM given_up ORDER BY first").fetchall()
        return [GivenUp(*row) for row in rows]

    def put(self, made: Checkpoint) -> bool:
        """Add a new checkpoint, not yet stored; False when another program with this key signed in the meantime."""
        with self._transaction() as database:
            row = database.execute("SELECT number FROM newest").fetchone()
            if made.number != (row[0] if row else 0) + 1:
                return False
            self._put(database, made)
            return True

    def follow(self, found: Checkpoint) -> None:
        """Take over a checkpoint of this signer from the database, which this older file lacks."""
        with self._transaction() as database:
            row = database.execute("SELECT number FROM newest").fetchone()
            if found.number > (row[0] if row else 0):
                _set_newest(database, found)

    def accept(self, made: Checkpoint, given_up: Iterable[GivenUp]) -> None:
        """Restart with `made`, independent of earlier signatures, and without the checkpoints given up."""
        with self._transaction() as database:
            self._put(database, made)
            _see(database, Entry(made.sequence, made.hash))
            database.executemany(
                "INSERT OR REPLACE INTO given_up VALUES (?, ?)", [(one.first, one.last) for one in given_up]
            )

    def mark_stored(self, number: int) -> None:
        """Remember that the database has the newest checkpoint, if that is still `number`."""
        with self._transaction() as database:
            database.execute("UPDATE newest SET stored = 1 WHERE number = ?", (number,))

    def waiting(self, destination: str, most: int) -> list[Checkpoint]:
        """Return the oldest checkpoints that have not reached `destination`."""
        query = f"SELECT {_FIELDS} FROM waiting WHERE destination = ? ORDER BY number LIMIT ?"  # noqa: S608  # own names
        with self._transaction() as database:
            return [Checkpoint(*row) for row in database.execute(query, (destination, most)).fetchall()]

    def count_waiting(self, destination: str) -> int:
        """Return how many checkpoints have not reached `destination`."""
        with self._transaction() as database:
            query = "SELECT count(*) FROM waiting WHERE destination = ?"
            return int(database.execute(query, (destination,)).fetchone()[0])

    def reached(self, destination: str, number: int) -> None:
        """Remember that the checkpoints up to `number` have reached `destination`."""
        with self._transaction() as database:
            database.execute("DELETE FROM waiting WHERE destination = ? AND number <= ?", (destination, number))

    def _put(self, database: sqlite3.Connection, made: Checkpoint) -> None:
        _set_newest(database, made)
        row = _row(made)
        database.executemany(
            f"INSERT OR REPLACE INTO waiting (destination, {_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            [(destination, *row) for destination in self._destinations],
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self._file.exists():
            raise HistoryChangedError(HistoryChange.LEDGER_GONE)
        try:
            with (
                closing(sqlite3.connect(self._file, timeout=TIMEOUT_S, isolation_level="IMMEDIATE")) as database,
                database,
            ):
                database.execute("PRAGMA synchronous = EXTRA")
                yield database
        except sqlite3.Error as error:
            if not isinstance(error, sqlite3.OperationalError) or "no such table" in str(error):
                raise HistoryChangedError(HistoryChange.LEDGER_GONE) from None  # empty, or missing
            raise ProgramError(
                f"The ledger of checkpoints {self._file} cannot be used: {error}", Exit.UNAVAILABLE
            ) from None


def _row(checkpoint: Checkpoint) -> tuple[int | str, ...]:
    return tuple(checkpoint.__dict__.values())


def _set_newest(database: sqlite3.Connection, checkpoint: Checkpoint) -> None:
    database.execute(
        f"INSERT OR REPLACE INTO newest (id, {_FIELDS}, stored) VALUES (1, ?, ?, ?, ?, ?, ?, 0)",  # noqa: S608
        _row(checkpoint),
    )


def _see(database: sqlite3.Connection, entry: Entry) -> None:
    database.execute("INSERT OR REPLACE INTO seen VALUES (1, ?, ?)", entry)
