"""A byte of a sealed value in the database changes, as on a disk that fails, and is mended."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.plans import SITES
from cekalwatch.server.storage.columns import FACE_JPEG, PROBE_JPEG
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError

MENDING_TRIES = 60
"""A second between each."""
PLACES = {f"{one.table}.{one.column} at {site.key}": one for site in SITES for one in (FACE_JPEG, PROBE_JPEG)}
"""Without these pictures an alert comes all the same. Of a person whose own facts or orders are damaged none does: they
are left out, and the log says so."""


@contextmanager
def damaged(there: Installation, target: str, chance: random.Random) -> Iterator[None]:
    """One value of a column is damaged; nothing happens while the database is away."""
    database = Database(there.site(target.rpartition(" ")[2]).database_address)
    harm = None
    try:
        with suppress(StorageError), database.connection() as connection:
            harm = _harm(connection, target, chance)
        yield
        if harm:
            _mend(database, target, *harm)
    finally:
        database.close()


def _harm(connection: Connection, target: str, chance: random.Random) -> tuple[tuple[object, ...], bytes] | None:
    table = SQLModel.metadata.tables[PLACES[target].table]
    column = table.c[PLACES[target].column]
    rows = [tuple(row) for row in connection.execute(select(*table.primary_key).order_by(*table.primary_key))]
    if not rows:
        return None
    key = chance.choice(rows)
    value = bytes(connection.execute(select(column).where(*_is(target, key))).scalar_one())
    at = chance.randrange(len(value) // 3, 2 * len(value) // 3)  # what is sealed, behind the nonce and before the tag
    spoilt = value[:at] + bytes([value[at] ^ 0x55]) + value[at + 1 :]
    connection.execute(update(table).where(*_is(target, key)).values({column: spoilt}))
    connection.commit()
    return key, value


def _is(target: str, key: tuple[object, ...]) -> list[ColumnElement[bool]]:
    table = SQLModel.metadata.tables[PLACES[target].table]
    return [column == part for column, part in zip(table.primary_key, key, strict=True)]


def _mend(database: Database, target: str, key: tuple[object, ...], value: bytes) -> None:
    """Put the value back, unless the row is gone, or another value is there."""
    table = SQLModel.metadata.tables[PLACES[target].table]
    column = table.c[PLACES[target].column]
    for _ in range(MENDING_TRIES):
        try:
            with database.connection() as connection:
                found = connection.execute(select(column).where(*_is(target, key))).scalar_one_or_none()
                if found is not None and sum(a != b for a, b in zip(bytes(found), value, strict=False)) == 1:
                    connection.execute(update(table).where(*_is(target, key)).values({column: value}))
                    connection.commit()
                return
        except (StorageError, SQLAlchemyError):
            time.sleep(1.0)  # the database is away


FAULTS = (Fault(FaultKind("damaged value", tuple(PLACES), 1.5, (2.0, 15.0), "row"), damaged),)
