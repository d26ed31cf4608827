"""Moves a site's database from SQLite into an empty PostgreSQL: all of it, or nothing. It blocks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.entry import Action, AuditEntry, operator
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail_check import TrailCheck
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.scan import RowScan
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.migrations.applying import Migrations
from cekalwatch.server.storage.moving import arrival, copy_rows, held
from cekalwatch.server.storage.snapshots.snapshot import DatabaseKind, current_state

ASIDE = ".moved"
"""New suffix of the old file's name."""

Progress = Callable[[int, int], None]
"""Called with the copied rows and their total."""


@dataclass(frozen=True)
class SignedProblems:
    """Faults of everything signed in a database, in sentences."""

    trail: tuple[str, ...]
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Moved:
    """A database that was moved to PostgreSQL."""

    counts: dict[str, int]
    """Copied rows of each table."""
    entries: int
    """Entries of the audit trail, all of which were checked."""
    findings: SignedProblems
    """Faults that the database had before the move, and still has."""
    old_file: Path
    """Present path of the old database."""


def check_there(settings: ServerSettings) -> None:
    """Raise ProgramError unless the settings name an existing SQLite file."""
    if DatabaseKind.of(settings.database_address) is not DatabaseKind.SQLITE:
        raise ProgramError("The settings name a PostgreSQL already: there is nothing to move", Exit.USAGE)
    with closing(Database(settings.database_address)) as source:
        source.check_exists()


def move_database(
    settings: ServerSettings, to: str, now: datetime, progress: Progress = lambda _done, _total: None
) -> Moved:
    """Move the database of `settings`, whose server must not run, to the address `to`.

    It compares every copied table, and then checks the audit trail, all MACs and the keys in both databases. Raises
    ProgramError, also when `to` is not empty, and StorageError; in these cases nothing has changed, and the move can be
    repeated.
    """
    check_there(settings)
    with closing(Database(settings.database_address)) as source:
        if source.migrations() is not Migrations.AS_NEEDED:
            raise ProgramError(
                f"The tables of {source.name} are of another version: run cekalwatch-server upgrade first", Exit.CONFIG
            )
        file = Path(source.name)
        with arrival(to) as arriving, held(source) as connection:
            total, done = sum(current_state(source).counts.values()) - 1, 0  # the target makes Alembic's row itself

            def count(rows: int) -> None:
                nonlocal done
                done += rows
                progress(done, total)

            arriving.database.upgrade()
            counts = copy_rows(connection, arriving.database, count)
            before, after = _look(settings, source), _look(settings, arriving.database)
            if before != after:
                different = {*before.trail, *before.rows} ^ {*after.trail, *after.rows}
                raise ProgramError(
                    f"What came is not as it was, and nothing was changed: {'; '.join(sorted(different))}",
                    Exit.DATA_PROBLEMS,
                )
            store = AuditStore(arriving.database)
            entries, _ = store.head()
            details: dict[str, int | str] = {"entries": entries, "rows": sum(counts.values())}
            store.append(AuditEntry(now, operator(), Action.DATABASE_MOVED, details=details))
            arriving.settle()
    return Moved(counts, entries, after, _put_aside(file))


def _look(settings: ServerSettings, database: Database) -> SignedProblems:
    """Check everything that is signed. Raises ProgramError when the master key does not open the keys."""
    rows = list[str]()
    if KeyStore.is_begun(database):
        source, seen = settings.master_key_source, settings.seen_versions_file
        keys = KeyStore.open(database, source, SystemClock(), operator(), seen)
        rows = [f"{'/'.join(one.key)}: {one.reason}" for one in RowScan(database, keys.guard).all()]
    key = settings.present_audit_key()
    ledger = CheckpointLedger(settings.audit_ledger_file)
    check = TrailCheck(AuditStore(database), key.public_key if key else "", ledger)
    return SignedProblems(tuple(map(str, check.problems(iter))), tuple(rows))


def _put_aside(file: Path) -> Path:
    """Rename the old database, so that no server starts with it again. Raises ProgramError."""
    aside = file.with_name(file.name + ASIDE)
    try:
        for end in ("", "-wal", "-shm"):
            if (part := file.with_name(file.name + end)).exists():
                part.rename(aside.with_name(aside.name + end))
    except OSError as error:
        raise ProgramError(
            f"All is at the new place, and {file} cannot be renamed ({error.strerror}): move it away by hand before "
            "the server starts",
            Exit.UNAVAILABLE,
        ) from None
    return aside
