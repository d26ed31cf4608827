"""Stores the data keys in the database, wrapped by the master key. Each method is one transaction; methods block.

Each change of keys is committed together with its audit entry.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy
import structlog
from sqlalchemy import Column, ColumnElement, LargeBinary, Table, bindparam, func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, SQLModel, col, delete, select, update

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.entry import OK, Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.encryption.keyring import HEADER, AssociatedData, DataKey, KeyPurpose, Keyring
from cekalwatch.server.encryption.master_key import KEY_BYTES, MasterKey
from cekalwatch.server.encryption.master_key_source import MasterKeySource
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.foundation.refusals import StartRefusal, StartRefusedError
from cekalwatch.server.hardware.errors import TokenError
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.columns import SEALED, moment, moment_or_none
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guard import NEVER_REMOVED, RowGuard
from cekalwatch.server.storage.integrity.versions import SeenVersions
from cekalwatch.server.storage.row_codec import RowCodec

DAMAGED = "DAMAGED"
"""The outcome of a re-sealing that left values which do not open."""

log = structlog.get_logger()


class DataKeyRow(SQLModel, table=True):
    """A data key. An old one is removed when no value needs it."""

    __tablename__ = "data_key"

    key_id: int = Field(primary_key=True)
    """It is in each value that the key sealed."""
    purpose: str
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    master_key_id: str
    """Which master key wraps it."""
    made_at: datetime = moment()
    settled_at: datetime | None = moment_or_none()
    """When everything that older keys had sealed was sealed with this one."""


@dataclass(frozen=True)
class KeyEntry:
    """What may be known of a data key."""

    key_id: int
    purpose: KeyPurpose
    master_key_id: str
    made_at: datetime
    settled_at: datetime | None
    """When nothing was left to re-seal with it."""


_ENTRIES = RowCodec(KeyEntry, DataKeyRow)


class KeyStore:
    """The data keys of one database. Open it with `open`."""

    def __init__(
        self,
        database: Database,
        master: MasterKey,
        clock: Clock,
        actor: Actor,
        seen: Path | None = None,
        removed_after: Mapping[str, timedelta] = NEVER_REMOVED,
    ) -> None:
        self._database = database
        self._master = master
        self._clock = clock
        self._actor = actor
        self.keyring = Keyring(self._load)
        self.guard = RowGuard(database.engine, self.keyring, SeenVersions(seen, self.keyring), removed_after)
        database.open_rows(self.guard)

    @staticmethod
    def is_begun(database: Database) -> bool:
        """Whether an upgraded database has keys already. Raises StorageError."""
        with database.session() as session:
            return session.exec(select(DataKeyRow.key_id)).first() is not None

    @classmethod
    def open(
        cls,
        database: Database,
        source: MasterKeySource,
        clock: Clock,
        actor: Actor,
        seen: Path | None = None,
        removed_after: Mapping[str, timedelta] = NEVER_REMOVED,
    ) -> KeyStore:
        """Open the keys of an upgraded database; the first time, make them, and the master key's file if it has one.

        `actor` is recorded for changes of the keys. From now on the database's signed rows can be used; the file
        `seen`, if given, stores their seen versions. `removed_after`: see `RowGuard`.

        Raises ProgramError when the master key is unavailable or is not the one that wraps the keys, when a key is
        damaged, and when `seen` was changed.
        """
        with database.session() as session:
            held = session.exec(select(DataKeyRow)).all()
        # A new master key is made for a new database only: for another one it would be the wrong one.
        master = source.read() if held else source.read_or_make()
        if not held:
            _make_first(database, master, clock.now())
            with database.session() as session:
                held = session.exec(select(DataKeyRow)).all()
        _check(held, master, source, database)
        return cls(database, master, clock, actor, seen, removed_after)

    def rotate(self) -> int:
        """Make a new data key, which seals from now on; returns its number. What older ones sealed stays readable."""
        with self._database.session() as session:
            number = max(session.exec(select(DataKeyRow.key_id)).all()) + 1
            session.add(_new_row(number, KeyPurpose.SEALING, self._master, self._clock.now()))
            try:
                commit_audited(session, self._entry(Action.KEY_ROTATED, [number]))
            except IntegrityError:
                raise ProgramError(
                    "Another program made a data key at the same moment; see: cekalwatch-server keys list"
                ) from None
        self.keyring.follow()
        return number

    def rewrap(self, fresh: MasterKey) -> int:
        """Wrap every data key with another master key, all or none; returns how many. Sealed values stay."""
        with self._database.session() as session:
            held = session.exec(select(DataKeyRow).with_for_update()).all()
            for row in held:
                secret = self._master.unwrap(row.key_id, row.purpose, row.wrapped)
                row.wrapped, row.master_key_id = fresh.wrap(row.key_id, row.purpose, secret), fresh.key_id
                session.add(row)
            session.flush()
            masters = {"master_from": self._master.key_id, "master_to": fresh.key_id}
            commit_audited(session, self._entry(Action.KEYS_REWRAPPED, [row.key_id for row in held], **masters))
        self._master = fresh
        self._database.purge_journal()
        return len(held)

    def entries(self) -> list[KeyEntry]:
        """Return all keys, oldest first."""
        with self._database.session() as session:
            held = session.exec(select(DataKeyRow).order_by(col(DataKeyRow.key_id))).all()
        return list(map(_ENTRIES.read, held))

    def is_settled(self) -> bool:
        """Whether everything has been sealed with the newest key; a key that never had a predecessor is."""
        with self._database.session() as session:
            newest = select(DataKeyRow.settled_at).where(col(DataKeyRow.key_id) == self.keyring.current_id)
            return session.exec(newest).first() is not None

    def settle(self, key_id: int, resealed: int, damaged: int) -> list[int]:
        """Record that everything is sealed with this key, and remove older ones that no value needs.

        `resealed` and `damaged`: how many values were sealed again, and how many cannot be opened. Returns the numbers
        of the removed keys.
        """
        with self._database.session() as session:
            settled = update(DataKeyRow).where(col(DataKeyRow.key_id) == key_id)
            session.exec(settled.values(settled_at=self._clock.now()))
            older = select(DataKeyRow.key_id).where(
                col(DataKeyRow.key_id) < key_id, col(DataKeyRow.purpose) == KeyPurpose.SEALING
            )
            # Waits for all writers with one of them (`hold_sealing_key`), so that the count is complete.
            candidates = session.exec(older.order_by(col(DataKeyRow.key_id)).with_for_update()).all()
            needed = count_by_key(session) if candidates else {}
            retired = [number for number in candidates if number not in needed]
            session.exec(delete(DataKeyRow).where(col(DataKeyRow.key_id).in_(retired)))
            outcome = DAMAGED if damaged else OK
            entries = [self._entry(Action.KEYS_RESEALED, [key_id], outcome, resealed=resealed, damaged=damaged)]
            if retired:
                entries.append(self._entry(Action.KEYS_RETIRED, retired))
            commit_audited(session, *entries)
        return retired

    def _entry(self, action: Action, keys: Iterable[int], outcome: str = OK, **details: int | str) -> AuditEntry:
        return AuditEntry(
            self._clock.now(), self._actor, action, tuple(map(ObjectKind.KEY.key, keys)), outcome, details
        )

    def _load(self, known: Collection[int]) -> list[DataKey]:
        with self._database.session() as session:
            fresh = session.exec(select(DataKeyRow).where(col(DataKeyRow.key_id).not_in(known))).all()
        return [self._unwrapped(row) for row in fresh]

    def _unwrapped(self, row: DataKeyRow) -> DataKey:
        """Unwrap a key. Were it taken for a damaged value, people would silently be missing from the gallery."""
        try:
            secret = self._master.unwrap(row.key_id, row.purpose, row.wrapped)
            return DataKey(row.key_id, KeyPurpose(row.purpose), secret)
        except (ValueError, TokenError):
            log.error("data_key_not_unwrapped", key_id=row.key_id)  # noqa: TRY400  # no traceback
            raise CekalwatchError(Code.STORAGE_UNAVAILABLE, f"data key {row.key_id} cannot be unwrapped") from None


def hold_sealing_key(session: Session, keyring: Keyring) -> None:
    """Use the newest data key for sealing, and protect it from removal until the session's transaction ends.

    Otherwise a program that does not know of a rotation would seal with a key that another one is just removing. The
    transaction must have SQLite's write lock already; PostgreSQL locks the key itself. Raises STORAGE_UNAVAILABLE when
    the only sealing key of this program was removed.
    """
    if _newest_beside(session, keyring.current_id) == keyring.current_id:
        return
    # A key that cannot be unwrapped is logged; this program's sealing key serves as long as it exists.
    with suppress(CekalwatchError):
        keyring.follow()
    if _newest_beside(session, keyring.current_id) is None:
        raise CekalwatchError(Code.STORAGE_UNAVAILABLE, f"data key {keyring.current_id} was removed")


_OTHER = aliased(DataKeyRow)
_HELD = (
    select(select(func.max(_OTHER.key_id)).where(col(_OTHER.purpose) == KeyPurpose.SEALING).scalar_subquery())
    .select_from(DataKeyRow)
    .where(col(DataKeyRow.key_id) == bindparam("key_id"))
    .with_for_update(read=True, key_share=True)
)
"""Made once: it is asked with each alert, and to make it takes longer than to ask it."""


def _newest_beside(session: Session, key_id: int) -> int | None:
    """Protect a data key from removal, and return the newest sealing key; None if that key was removed."""
    found: int | None = session.execute(_HELD, {"key_id": key_id}).scalar()
    return found


def _make_first(database: Database, master: MasterKey, now: datetime) -> None:
    with database.session() as session:
        first = _new_row(1, KeyPurpose.SEALING, master, now)
        first.settled_at = now
        session.add_all([first, _new_row(2, KeyPurpose.MATCHING, master, now)])
        try:
            session.commit()
        except IntegrityError:
            return  # another program that started at the same moment made them


def _new_row(key_id: int, purpose: KeyPurpose, master: MasterKey, now: datetime) -> DataKeyRow:
    wrapped = master.wrap(key_id, purpose, os.urandom(KEY_BYTES))
    return DataKeyRow(key_id=key_id, purpose=purpose, wrapped=wrapped, master_key_id=master.key_id, made_at=now)


def _check(held: Collection[DataKeyRow], master: MasterKey, source: MasterKeySource, database: Database) -> None:
    for row in held:
        if row.master_key_id != master.key_id:
            raise StartRefusedError(
                f"The master key is the wrong one: {source.name} holds {master.key_id}, and the database "
                f"{database.name} is sealed with {row.master_key_id}. Set master_key_from to where that one is kept; "
                "without it, nothing in this database can be read",
                StartRefusal.MASTER_KEY,
            )
        try:
            KeyPurpose(row.purpose)
            master.unwrap(row.key_id, row.purpose, row.wrapped)
        except (ValueError, TypeError):
            raise ProgramError(
                f"Data key {row.key_id} in the database {database.name} is damaged: restore the table data_key from a "
                "backup. What it sealed cannot be read without it",
                Exit.UNAVAILABLE,
            ) from None
    if {row.purpose for row in held} != set(KeyPurpose):
        raise ProgramError(
            f"Data keys are missing in the database {database.name}: restore the table data_key from a backup",
            Exit.UNAVAILABLE,
        )


def count_by_key(session: Session) -> Counter[int]:
    """Return how many values each data key has sealed; one that is damaged beyond telling counts for key 0."""
    found: Counter[int] = Counter()
    for sealed_column in SEALED:
        start_of = header(table_of(sealed_column).c[sealed_column.column])
        for start, count in session.execute(sqlalchemy.select(start_of, func.count()).group_by(start_of)).all():
            whole = isinstance(start, bytes) and len(start) == HEADER.size
            found[HEADER.unpack(start)[1] if whole else 0] += count
    return found


def table_of(sealed_column: AssociatedData) -> Table:
    """Return the table of a sealed column."""
    return SQLModel.metadata.tables[sealed_column.table]


def header(column: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Return the first bytes of a column's value; `header_of` returns those of a data key's values."""
    return func.substr(column, 1, HEADER.size, type_=LargeBinary)
