"""Rows that carry a MAC over all their columns, and the form in which they are signed.

The form depends neither on the kind of database nor on the order of columns.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, Table
from sqlmodel import Field, SQLModel

from cekalwatch.server.encryption.keyring import BODY, TAG_BYTES
from cekalwatch.server.storage.columns import LATER, Sealed, Uninterpreted, UtcDateTime

RowKey = tuple[str, str]
"""A row: its table, and its primary key, of several columns with a slash between."""
Values = tuple[object, ...]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class ChangedRowError(ValueError):
    """A row that somebody else changed. The text names it, and quotes nothing else of it."""

    def __init__(self, key: RowKey) -> None:
        super().__init__(f"the row {key[1]} of {key[0]} does not stand as it was written")
        self.key = key


class SignedRow(SQLModel):
    """A row on which decisions depend. The session that writes it signs it; readers take it from `checked`."""

    row_version: int = Field(default=0, sa_type=BigInteger, nullable=False)
    """Rises with each change; see `versions.py`."""
    mac: bytes = Field(default=b"", sa_type=Uninterpreted, nullable=False)
    """HMAC-SHA256 over the table's name and all other columns."""


@dataclass(frozen=True)
class RowForm:
    """How the rows of one table are signed."""

    table: Table
    columns: tuple[str, ...]
    """All but the MAC, by name; later ones last."""
    later: tuple[str, ...]
    """Columns that a table got after rows of it were signed: they are signed with their names, where they are set."""
    held_values: Callable[[Mapping[str, Any]], Values]
    """Takes them from a mapping of names."""
    plain_values: Callable[[Any], Values]
    """Takes them from a plain row of all columns, in the table's order."""
    primary_key: Callable[[Any], object]
    """Takes the key from either: one value, or several."""
    special: tuple[tuple[int, Callable[[Any], object]], ...]
    """The columns that are written otherwise than they are held, by their places."""
    kinds: tuple[Callable[[Any], object], ...]
    """Converts each column's value to the form that the database returns."""

    def values(self, row: SignedRow, before: Mapping[str, Any] = NOTHING) -> Values:
        """Return the values of a row that a session tracks, with those of `before` in place of its own.

        If all values are loaded, it reads them directly, since the session would check each one.
        """
        try:
            return self.held_values({**row.__dict__, **before} if before else row.__dict__)
        except KeyError:
            return tuple([before.get(name, getattr(row, name)) for name in self.columns])

    def signed(self, values: Values) -> bytes:
        """Return the input of the MAC. Raises TypeError or ValueError for values that no row of ours has.

        Moments are in UTC, as the database gives them and `as_held` makes them.
        """
        if self.special:
            written = list(values)
            for place, write in self.special:
                if (value := written[place]) is not None:
                    written[place] = write(value)
            values = tuple(written)
        if self.later:
            first = len(values) - len(self.later)
            set_later = zip(self.later, values[first:], strict=True)
            values = (*values[:first], *(one for one in set_later if one[1] is not None))
        return ascii((self.table.name, values)).encode("ascii")

    def as_held(self, values: Values) -> Values:
        """Return values that are about to be written as the database will give them back."""
        held = [None if one is None else kind(one) for kind, one in zip(self.kinds, values, strict=True)]
        return tuple(held)

    def key(self, row: object) -> RowKey:
        """Return which row it is."""
        key = self.primary_key(row)
        return self.table.name, "/".join(map(str, key)) if isinstance(key, tuple) else str(key)


@cache
def form_of(model: type[SignedRow]) -> RowForm:
    """Return the form of a table's rows."""
    table = SQLModel.metadata.tables[str(model.__tablename__)]
    signed = (column for column in table.columns if column.name != "mac")
    columns = sorted(signed, key=lambda column: (LATER in column.info, column.name))
    names = [column.name for column in columns]
    places = {column.name: place for place, column in enumerate(table.columns)}
    return RowForm(
        table,
        tuple(names),
        tuple(column.name for column in columns if LATER in column.info),
        operator.itemgetter(*names),
        operator.itemgetter(*map(places.__getitem__, names)),
        operator.attrgetter(*(column.name for column in table.primary_key)),
        tuple((place, write) for place, column in enumerate(columns) if (write := _of_type(_WRITTEN, column))),
        tuple(_of_type(_KINDS, column) or _text for column in columns),
    )


def signed_models() -> list[type[SignedRow]]:
    """Return all tables whose rows are signed, by name."""
    return sorted(SignedRow.__subclasses__(), key=lambda model: str(model.__tablename__))


def _of_type(table: Mapping[type, Callable[[Any], object]], column: Column[Any]) -> Callable[[Any], object] | None:
    return next((convert for kind, convert in table.items() if isinstance(column.type, kind)), None)


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _ends(sealed: bytes) -> bytes:
    """Return nonce and tag of a sealed value, which represent its content: only these open it."""
    return sealed[:BODY] + sealed[-TAG_BYTES:]


def _same(value: object) -> object:
    return value


_text = str.__str__
"""Makes a plain text of an enumeration's member, and refuses other values."""
_WRITTEN: Mapping[type, Callable[[Any], object]] = MappingProxyType(
    {JSON: json.JSONEncoder(sort_keys=True).encode, UtcDateTime: datetime.isoformat, Sealed: _ends}
)
_KINDS: Mapping[type, Callable[[Any], object]] = MappingProxyType(
    {Boolean: bool, Integer: operator.index, Float: float, JSON: _same, UtcDateTime: _in_utc, Sealed: bytes}
)
