"""Reads and writes rows as values, by the types of the value's fields and of the table's columns.

What is not in a column is JSON: in a column of its own, or in the sealed `facts` of the row. Reading a damaged row
raises ValueError, KeyError or TypeError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, time
from enum import Enum
from functools import cache, cached_property
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from sqlalchemy import JSON, Column, String, Table
from sqlmodel import AutoString, SQLModel

from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.encryption.keyring import AssociatedData, Keyring
from cekalwatch.server.storage.columns import SEALED, Sealed

V = TypeVar("V")
R = TypeVar("R", bound=SQLModel)
Convert = Callable[[Any], Any]

FACTS = "facts"
"""The sealed column of what has no column of its own."""
_AS_IT_IS = frozenset({str, int, float, bool, NoneType})
_SEALED: Mapping[tuple[str, str], AssociatedData] = MappingProxyType({(one.table, one.column): one for one in SEALED})
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def utc_text(moment: datetime | None) -> str:
    """Write a moment in one form: sources may state the same one with different offsets."""
    return moment.astimezone(UTC).isoformat() if moment else ""


def json_text(value: object) -> str:
    """Write a value as JSON, in one form, so that equal values have equal texts."""
    return json.dumps(as_json(value), sort_keys=True, ensure_ascii=False)


def as_json(value: Any) -> Any:  # noqa: ANN401  # as its type says
    """Return a value as JSON holds it. Fields that are None, as they are by default, are left out."""
    if type(value) in _AS_IT_IS:
        return value
    if is_dataclass(value):
        kind: Any = type(value)
        held = ((name, getattr(value, name), needed) for name, needed in _names(kind))
        return {name: as_json(item) for name, item, needed in held if item is not None or needed}
    if isinstance(value, Mapping):
        return {_text(key): as_json(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(as_json, value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(map(as_json, value))
    return value.value if isinstance(value, Enum) else _text(value)


@cache
def _names(value: Any) -> list[tuple[str, bool]]:  # noqa: ANN401  # a class
    """Return the names of the fields, and of each whether it is there although it is None."""
    return [(one.name, one.default is not None) for one in fields(value)]


@cache
def json_reader(hint: Any) -> Convert:  # noqa: ANN401  # types have no common type
    """Return what makes a value of that type of its JSON. A dataclass may lack fields with defaults, and be a list."""
    kind, optional = _without_none(hint)
    read = _reader(kind)
    return (lambda found: None if found is None else read(found)) if optional and read is not _same else read


def _reader(hint: Any) -> Convert:  # noqa: ANN401
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is not None and issubclass(origin, Mapping):
        key, item = map(json_reader, arguments)
        return lambda found: {key(name): item(one) for name, one in found.items()}
    if origin is not None:
        kind, member = frozenset if issubclass(origin, frozenset) else tuple, json_reader(arguments[0])
        return lambda found: kind(map(member, found))
    if is_dataclass(hint):
        return _dataclass_reader(hint)
    if hint in _AS_IT_IS:
        return float if hint is float else _same
    return _of_text(hint)


def _dataclass_reader(value: Any) -> Convert:  # noqa: ANN401  # a class
    hints = get_type_hints(value)
    names = [one.name for one in fields(value)]
    read = _fields_reader({name: json_reader(hints[name]) for name in names})
    return lambda found: value(**read(dict(zip(names, found, strict=False)) if isinstance(found, list) else found))


def _fields_reader(readers: Mapping[str, Convert]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return what reads those of the fields that a mapping has."""
    converted = [(name, read) for name, read in readers.items() if read is not _same]

    def read_fields(found: Mapping[str, Any]) -> dict[str, Any]:
        known = {name: found[name] for name in readers if name in found}
        for name, read in converted:
            if name in known:
                known[name] = read(known[name])
        return known

    return read_fields


def _text(value: object) -> str:
    """Write what has a text of its own: moments, days, UUIDs, members of enumerations, and bytes as hexadecimal."""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _of_text(kind: Any) -> Convert:  # noqa: ANN401  # a class
    if kind is bytes:
        return bytes.fromhex
    return kind.fromisoformat if issubclass(kind, date | time) else kind  # type: ignore[no-any-return]  # of the class


def _without_none(hint: Any) -> tuple[Any, bool]:  # noqa: ANN401
    """Return a type without `| None`, and whether it had that."""
    if get_origin(hint) in {Union, UnionType}:
        (kind,) = (one for one in get_args(hint) if one is not NoneType)
        return kind, True
    return hint, False


@dataclass(frozen=True)
class _Parts:
    """Where the fields of a value are."""

    value: Callable[..., Any]
    plain: list[tuple[str, str, Convert, Convert]]
    """Of each its name and its column, and what reads and writes that."""
    sealed: list[tuple[str, AssociatedData, Convert, Convert]]
    """The same of sealed columns, which read and write bytes."""
    inside: list[tuple[str, _Parts]]
    """Values whose fields have columns of the row."""

    def read(self, row: Any) -> dict[str, Any]:  # noqa: ANN401  # of a session, or plain
        found = {
            name: getattr(row, column) if read is _same else read(getattr(row, column))
            for name, column, read, _ in self.plain
        }
        for name, parts in self.inside:
            found[name] = parts.value(**parts.read(row))
        return found

    def write(self, value: object) -> dict[str, Any]:
        found = {
            column: getattr(value, name) if write is _same else write(getattr(value, name))
            for name, column, _, write in self.plain
        }
        for name, parts in self.inside:
            found |= parts.write(getattr(value, name))
        return found


class RowCodec(Generic[V, R]):
    """Both directions of the rows of one table.

    `names`: columns that are called otherwise than their fields, by the field's name; `part.name` for a field of a
    value inside. An empty name says that a value has no column, though one is called like it. `given`: fields that
    no row has; they have defaults, or the caller of `read` gives them.
    """

    def __init__(
        self, value: type[V], row: type[R], names: Mapping[str, str] = _NO_NAMES, given: Collection[str] = ()
    ) -> None:
        self._value, self._row, self._names, self._given = value, row, names, frozenset(given)

    def read(self, row: Any, keyring: Keyring | None = None, **given: object) -> V:  # noqa: ANN401  # R, or plain
        """Return the value of a row, tracked by a session or plain; one with sealed columns needs the keyring."""
        found = self._parts.read(row)
        if keyring is not None:
            for name, place, read, _ in self._parts.sealed:
                at = place.at(*[str(getattr(row, one)) for one in (*self._key, *place.bound)])
                opened = read(keyring.open(at, getattr(row, place.column)))
                found |= opened if place.column == FACTS else {name: opened}
        return self._value(**found, **given)

    def write(self, value: V, keyring: Keyring | None = None, **columns: object) -> R:
        """Return the row of a value, with `columns` that the value lacks."""
        return self._row(**self.columns(value, keyring, **columns))

    def columns(self, value: V, keyring: Keyring | None = None, **columns: object) -> dict[str, Any]:
        """Return the columns of that row by name."""
        found = self._parts.write(value) | columns
        if keyring is not None:
            for name, place, _, write in self._parts.sealed:
                at = place.at(*(str(found[one]) for one in (*self._key, *place.bound)))
                found[place.column] = keyring.seal(at, write(value if place.column == FACTS else getattr(value, name)))
        return found

    @cached_property
    def _table(self) -> Table:
        return SQLModel.metadata.tables[str(self._row.__tablename__)]

    @cached_property
    def _key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self._table.primary_key)

    @cached_property
    def _parts(self) -> _Parts:
        """The fields of the value; raises TypeError when one has no place in the row."""
        return self._parts_of(self._value, "")

    def _parts_of(self, value: Any, path: str) -> _Parts:  # noqa: ANN401  # a class
        hints, sealed_facts = get_type_hints(value), dict[str, Convert]()
        parts = _Parts(value, [], [], [])
        for field in fields(value):
            name, hint = field.name, hints[field.name]
            column = self._table.columns.get(self._names.get(path + name, name))
            if path + name in self._given:
                continue
            if column is not None and isinstance(column.type, Sealed):
                parts.sealed.append((name, _SEALED[self._table.name, column.name], *_sealed_converters(hint)))
            elif column is not None:
                parts.plain.append((name, column.name, *_converters(hint, column)))
            elif is_dataclass(hint):
                parts.inside.append((name, self._parts_of(hint, f"{path}{name}.")))
            elif FACTS in self._table.columns and not path:
                sealed_facts[name] = json_reader(hint)
            else:
                raise TypeError(f"{self._table.name} has no column for {path}{name}")
        if sealed_facts:
            parts.sealed.append((FACTS, _SEALED[self._table.name, FACTS], *_facts_converters(sealed_facts)))
        return parts


def _facts_converters(readers: Mapping[str, Convert]) -> tuple[Convert, Convert]:
    read_fields = _fields_reader(readers)

    def read(opened: bytes) -> dict[str, Any]:
        return read_fields(json.loads(opened))

    def write(value: object) -> bytes:
        return json_text({name: getattr(value, name) for name in readers}).encode()

    return read, write


def _sealed_converters(hint: Any) -> tuple[Convert, Convert]:  # noqa: ANN401
    if hint is bytes:
        return _same, _same
    if hint is str:
        return bytes.decode, str.encode
    of_json = json_reader(hint)
    return lambda opened: of_json(json.loads(opened)), lambda held: json_text(held).encode()


def _converters(hint: Any, column: Column[Any]) -> tuple[Convert, Convert]:  # noqa: ANN401
    """Return what reads and writes a field in its column. Texts of optional fields are empty where there is none."""
    kind, optional = _without_none(hint)
    read: Convert
    write: Convert
    if isinstance(column.type, JSON):
        return json_reader(hint), as_json
    if kind in _AS_IT_IS or not isinstance(column.type, AutoString | String):
        read, write = (kind if isinstance(kind, type) and issubclass(kind, Enum) else _same), _same
    elif kind is PersonReference:
        read, write = PersonReference, lambda held: held.person_id
    elif is_dataclass(kind) or get_origin(kind):
        of_json = json_reader(kind)
        read, write = lambda found: of_json(json.loads(found)), json_text
    else:
        read, write = _of_text(kind), _text
    if not optional:
        return read, write
    nothing = "" if not column.nullable else None
    return (
        lambda found: None if found in {None, ""} else read(found),
        lambda held: nothing if held is None else write(held),
    )


def _same(found: Any) -> Any:  # noqa: ANN401
    return found
