"""Keeps the data keys in the database, wrapped by the master key. Each method is one transaction; methods block."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.exits import Exit
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.sealing.keyring import DataKey, Keyring, Purpose
from cekalwatch.server.sealing.master_key import KEY_BYTES, MasterKey
from cekalwatch.server.sealing.master_key_source import MasterKeySource
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.key_tables import DataKeyRow

log = structlog.get_logger()


@dataclass(frozen=True)
class KeyEntry:
    """What may be known of a data key."""

    key_id: int
    purpose: Purpose
    master_key_id: str
    made_at: datetime
    settled_at: datetime | None
    """When nothing was left to re-seal with it."""


class KeyStore:
    """The data keys of one database. Open it with `open`."""

    def __init__(self, database: Database, master: MasterKey, clock: Clock) -> None:
        self._database = database
        self._master = master
        self._clock = clock
        self.keyring = Keyring(self._load)

    @classmethod
    def open(cls, database: Database, source: MasterKeySource, clock: Clock) -> KeyStore:
        """Open the keys of an upgraded database; the first time, make them, and the master key's file if it has one.

        Raises ProgramError when the master key cannot be had, is not the one that wraps the keys, or a key is damaged.
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
        return cls(database, master, clock)

    def rotate(self) -> int:
        """Make a new data key, which seals from now on; returns its number. What older ones sealed stays readable."""
        with self._database.session() as session:
            number = max(session.exec(select(DataKeyRow.key_id)).all()) + 1
            session.add(_new_row(number, Purpose.SEALING, self._master, self._clock.now()))
            try:
                session.commit()
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
            session.commit()
        self._master = fresh
        self._database.purge_journal()
        return len(held)

    def entries(self) -> list[KeyEntry]:
        """Return all keys, oldest first."""
        with self._database.session() as session:
            held = session.exec(select(DataKeyRow).order_by(col(DataKeyRow.key_id))).all()
        return [
            KeyEntry(row.key_id, Purpose(row.purpose), row.master_key_id, row.made_at, row.settled_at) for row in held
        ]

    def is_settled(self) -> bool:
        """Whether everything has been sealed with the newest key; a key that never had a predecessor is."""
        with self._database.session() as session:
            return (
                session.exec(
                    select(DataKeyRow.settled_at).where(col(DataKeyRow.key_id) == self.keyring.current_id)
                ).one()
                is not None
            )

    def mark_settled(self, key_id: int) -> None:
        """Note that everything has been sealed with this key."""
        with self._database.session() as session:
            settled = update(DataKeyRow).where(col(DataKeyRow.key_id) == key_id)
            session.exec(settled.values(settled_at=self._clock.now()))
            session.commit()

    def _load(self, known: Collection[int]) -> list[DataKey]:
        with self._database.session() as session:
            fresh = session.exec(select(DataKeyRow).where(col(DataKeyRow.key_id).not_in(known))).all()
        return [self._unwrapped(row) for row in fresh]

    def _unwrapped(self, row: DataKeyRow) -> DataKey:
        """Unwrap a key. Were it taken for a damaged value, people would silently be missing from the gallery."""
        try:
            secret = self._master.unwrap(row.key_id, row.purpose, row.wrapped)
            return DataKey(row.key_id, Purpose(row.purpose), secret)
        except ValueError:
            log.error("data key not unwrapped; restart to learn why", key_id=row.key_id)  # noqa: TRY400  # no traceback
            raise CekalwatchError(Code.STORAGE_UNAVAILABLE, f"data key {row.key_id} cannot be unwrapped") from None


def _make_first(database: Database, master: MasterKey, now: datetime) -> None:
    with database.session() as session:
        first = _new_row(1, Purpose.SEALING, master, now)
        first.settled_at = now
        session.add_all([first, _new_row(2, Purpose.MATCHING, master, now)])
        try:
            session.commit()
        except IntegrityError:
            return  # another program that started at the same moment made them


def _new_row(key_id: int, purpose: Purpose, master: MasterKey, now: datetime) -> DataKeyRow:
    wrapped = master.wrap(key_id, purpose, os.urandom(KEY_BYTES))
    return DataKeyRow(key_id=key_id, purpose=purpose, wrapped=wrapped, master_key_id=master.key_id, made_at=now)


def _check(held: Collection[DataKeyRow], master: MasterKey, source: MasterKeySource, database: Database) -> None:
    for row in held:
        if row.master_key_id != master.key_id:
            raise ProgramError(
                f"The master key is the wrong one: {source.name} holds {master.key_id}, and the database "
                f"{database.name} is sealed with {row.master_key_id}. Set master_key_from to where that one is kept; "
                "without it, nothing in this database can be read",
                Exit.CONFIG,
            )
        try:
            Purpose(row.purpose)
            master.unwrap(row.key_id, row.purpose, row.wrapped)
        except (ValueError, TypeError):
            raise ProgramError(
                f"Data key {row.key_id} in the database {database.name} is damaged: restore the table data_key from a "
                "backup. What it sealed cannot be read without it",
                Exit.UNAVAILABLE,
            ) from None
    if {row.purpose for row in held} != set(Purpose):
        raise ProgramError(
            f"Data keys are missing in the database {database.name}: restore the table data_key from a backup",
            Exit.UNAVAILABLE,
        )
