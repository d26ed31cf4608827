"""The values that the sealed columns hold, as far as they can be told apart without opening them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, LargeBinary, Table, func
from sqlmodel import Session, SQLModel

from cekalwatch.server.encryption.associated_data import AssociatedData
from cekalwatch.server.encryption.keyring import HEADER
from cekalwatch.server.storage.sealed_columns import SEALED


def count_by_key(session: Session) -> Counter[int]:
    """Return how many values each data key has sealed; one that is damaged beyond telling counts for key 0."""
    found: Counter[int] = Counter()
    for place in SEALED:
        start_of = header(table_of(place).c[place.column])
        for start, count in session.execute(sqlalchemy.select(start_of, func.count()).group_by(start_of)).all():
            whole = isinstance(start, bytes) and len(start) == HEADER.size
            found[HEADER.unpack(start)[1] if whole else 0] += count
    return found


def table_of(place: AssociatedData) -> Table:
    """Return the table of a place."""
    return SQLModel.metadata.tables[place.table]


def header(column: ColumnElement[Any]) -> ColumnElement[bytes]:
    """Return how a column's value begins; `header_of` tells how the values of a data key do."""
    return func.substr(column, 1, HEADER.size, type_=LargeBinary)
