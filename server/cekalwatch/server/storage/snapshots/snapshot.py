"""A database at one moment: its content and its bytes, while servers continue to write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import sqlalchemy
from sqlalchemy.engine import make_url

from cekalwatch.server.storage.database import Database

CHUNK_BYTES = 1 << 20

Row = Callable[[str], tuple[object, ...] | None]
"""Runs a query for one row in the snapshot; None if there is none."""


class DatabaseKind(StrEnum):
    """Kinds of databases. A snapshot can be restored only into the same kind."""

    SQLITE = "SQLITE"
    POSTGRESQL = "POSTGRESQL"

    @classmethod
    def of(cls, url: str) -> DatabaseKind:
        """Return that of an address."""
        return cls.SQLITE if make_url(url).get_backend_name() == "sqlite" else cls.POSTGRESQL


@dataclass(frozen=True)
class DatabaseState:
    """Facts that identify a database at the moment of a snapshot."""

    revision: str
    """The migration that made its tables."""
    counts: dict[str, int]
    """Rows of each table."""
    entries: int
    """The audit trail's last entry, and its hash."""
    head: str
    master_keys: list[str]
    """Which master keys wrap its data keys, by `MasterKey.key_id`."""


@dataclass(frozen=True)
class Snapshot:
    """A database at one moment. `chunks` can be read once, as long as its block has not ended; they are not empty."""

    state: DatabaseState
    chunks: Iterator[bytes]
    total: int | None
    """Total bytes; None if unknown in advance."""


class Restoring(Protocol):
    """A database that is being brought back."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the snapshot. Raises ProgramError."""


def read_state(row: Row, tables: Iterable[str]) -> DatabaseState:
    """Return the state of a database with these tables, as `row` sees it."""

    def text(query: str) -> str:
        found = row(query)
        return "" if found is None or found[0] is None else str(found[0])

    counts = {name: int(text(f'SELECT count(*) FROM "{name}"')) for name in sorted(tables)}  # noqa: S608  # own names
    entries, head = row("SELECT sequence, hash FROM audit_head") or (0, "")
    masters = text("SELECT min(master_key_id) FROM data_key"), text("SELECT max(master_key_id) FROM data_key")
    revision = text("SELECT version_num FROM alembic_version")
    return DatabaseState(revision, counts, int(str(entries)), str(head), sorted(set(masters) - {""}))


def current_state(database: Database) -> DatabaseState:
    """Return the present state of a database. Raises StorageError."""
    with database.one_state() as session:
        connection = session.connection()

        def row(query: str) -> tuple[object, ...] | None:
            found = connection.exec_driver_sql(query).first()
            return None if found is None else tuple(found)

        tables = sqlalchemy.inspect(connection).get_table_names()
        return read_state(row, tables)
