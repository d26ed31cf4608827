"""Seals values of older data keys with the newest one, in small transactions; it may stop anywhere and continue later.

Progress is not stored: every value names the key that sealed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy
import structlog
from sqlalchemy import Table, tuple_

from cekalwatch.server.encryption.keyring import AssociatedData, DamagedValueError, header_of
from cekalwatch.server.storage.columns import SEALED
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.keys.store import KeyStore, count_by_key, header, hold_sealing_key, table_of
from cekalwatch.server.storage.watchlist.changes import lock_watchlist

ROWS_A_STEP = 20
STEPS_A_TURN = 25
"""How much the server does between two pauses."""

log = structlog.get_logger()


@dataclass(frozen=True)
class ResealStep:
    """What one transaction did."""

    resealed: int
    damaged: int
    """Values that do not open; they stay as they are, logged by their row's key."""


class Resealer:
    """Walks through all sealed columns of the database."""

    def __init__(self, database: Database, keys: KeyStore) -> None:
        self._database = database
        self._keys = keys
        self._pass: Iterator[ResealStep] | None = None

    def counts(self) -> Counter[int]:
        """Return how many values each data key has sealed; one that is damaged beyond telling counts for key 0."""
        with self._database.session() as session:
            return count_by_key(session)

    def steps(self) -> Generator[ResealStep, None, None]:
        """Seal values of older keys with the newest one, a few rows per step; each step is one transaction.

        At the end, older keys are removed, except those of damaged values. Raises StorageError; finished work is kept.
        """
        key_id = self._keys.keyring.current_id
        resealed = damaged = 0
        for sealed_column in SEALED:
            for step in self._column_steps(sealed_column, header_of(key_id)):
                resealed, damaged = resealed + step.resealed, damaged + step.damaged
                yield step
        retired = self._keys.settle(key_id, resealed, damaged)
        self._database.purge_journal()
        log.info("resealing_finished", key_id=key_id, retired=retired)

    def take_turn(self) -> None:
        """Take up a rotation, and do a bounded part of the work; for a server that has other things to do besides."""
        if self._keys.keyring.follow():
            log.info("data_key_changed", key_id=self._keys.keyring.current_id)
        if self._pass is None:
            if self._keys.is_settled():
                return
            self._pass = self.steps()
        work, self._pass = self._pass, None  # a pass that fails begins again
        if len(list(islice(work, STEPS_A_TURN))) == STEPS_A_TURN:
            self._pass = work

    def _column_steps(self, sealed_column: AssociatedData, newest: bytes) -> Iterator[ResealStep]:
        table = table_of(sealed_column)
        key, column = list(table.primary_key.columns), table.c[sealed_column.column]
        old = sqlalchemy.select(*key).where(header(column) != newest).order_by(*key).limit(ROWS_A_STEP)
        found = self._read(old)
        while found:
            yield self._reseal(sealed_column, table, found)
            found = self._read(old.where(tuple_(*key) > tuple_(*found[-1])))

    def _read(self, query: sqlalchemy.Select[Any]) -> list[tuple[Any, ...]]:
        with self._database.session() as session:
            return [tuple(row) for row in session.execute(query).all()]

    def _reseal(self, sealed_column: AssociatedData, table: Table, keys: list[tuple[Any, ...]]) -> ResealStep:
        keyring, guard, resealed, damaged = self._keys.keyring, self._keys.guard, 0, 0
        with self._database.session() as session:
            # Keeps this step and an import from waiting for each other's rows.
            lock_watchlist(session)
            hold_sealing_key(session, keyring)
            same_key = tuple_(*table.primary_key.columns).in_(keys)
            for row in session.execute(sqlalchemy.select(*table.columns).where(same_key)).all():
                key = [getattr(row, column.name) for column in table.primary_key]
                where = sealed_column.at(*map(str, key), *(str(getattr(row, name)) for name in sealed_column.bound))
                try:
                    opened = keyring.open(where, getattr(row, sealed_column.column))
                    fresh: dict[str, object] = {sealed_column.column: keyring.seal(where, opened)}
                    fresh |= guard.signed_again(table, row, fresh)
                except (DamagedValueError, ChangedRowError):
                    damaged += 1
                    log.error("value_damaged", table=sealed_column.table, column=sealed_column.column, key=key)  # noqa: TRY400
                    continue
                # Anybody who changed the row since it was read has sealed it with the newest key.
                as_read = [column == part for column, part in zip(table.primary_key, key, strict=True)]
                as_read += [table.c[name] == getattr(row, name) for name in fresh]
                session.execute(sqlalchemy.update(table).where(*as_read).values(fresh))
                resealed += 1
            session.commit()
        return ResealStep(resealed, damaged)
