"""Names of people in the contract's values: the domain knows people by their keys, and names are added for readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from cekalwatch.contract.values.people import PersonReference

V = TypeVar("V")


def people_in(value: object) -> Iterator[str]:
    """Yield the keys of the people in a value, or in a tuple of values."""
    if isinstance(value, PersonReference):
        yield value.person_id
    for one in _parts(value).values():
        yield from people_in(one)


def named(value: V, names: Mapping[str, str]) -> V:
    """Return a value, or a tuple of values, with the names of its people by key; none of those who are not known."""
    found: Any = value
    if isinstance(found, PersonReference):
        found = replace(found, display_name=names.get(found.person_id, ""))
    elif isinstance(found, tuple):
        found = tuple(named(one, names) for one in found)
    elif changed := {name: named(one, names) for name, one in _parts(found).items()}:
        found = replace(found, **changed)
    result: V = found
    return result


def _parts(value: Any) -> Mapping[Any, Any]:  # noqa: ANN401  # any value of the contract
    """Return the members that may have people in them."""
    if isinstance(value, tuple):
        return dict(enumerate(value))
    if not is_dataclass(value):
        return {}
    members = {one.name: getattr(value, one.name) for one in fields(value)}
    return {name: one for name, one in members.items() if one and (isinstance(one, tuple) or is_dataclass(one))}
