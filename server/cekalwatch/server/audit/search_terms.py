"""The terms by which entries of the audit trail are found; the search's index has them beside the chain.

Whoever can write the database can remove rows of the index, so that searches miss entries; `Footprint` detects this.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cekalwatch.server.audit.entry import Action, ActorKind, Link

EVERYTHING = ""
"""The term of all entries."""
_SECRET = secrets.token_bytes(16)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MASK = (1 << 64) - 1


class Position(NamedTuple):
    """The position of an entry in a search by time; of entries with the same time, the higher sequence is newer."""

    moment: int
    """Microseconds since 1970 (UTC)."""
    sequence: int

    @property
    def at(self) -> datetime:
        """The moment as an aware datetime."""
        return _EPOCH + self.moment * _MICROSECOND


class IndexRow(NamedTuple):
    """An entry under one of its terms."""

    term: int
    moment: int
    sequence: int


def term_number(term: str) -> int:
    """Return the form of a term in the index: 64 bits of its BLAKE2b, signed. Collisions are very rare."""
    return int.from_bytes(hashlib.blake2b(term.encode(errors="replace"), digest_size=8).digest(), "big", signed=True)


def action_term(action: Action | str) -> str:
    """Return the term of all entries of an action."""
    return f"action:{action}"


def outcome_term(outcome: str) -> str:
    """Return the term of all entries with an outcome."""
    return f"outcome:{outcome}"


def terms_of(one: Link) -> set[str]:
    """Return the terms of an entry: its objects, action, outcome, and actor, without the device of a person.

    Raises ValueError for an entry that is damaged.
    """
    objects = json.loads(one.objects)
    if not isinstance(objects, list):
        raise ValueError("the objects are no list")  # noqa: TRY004  # as other damage
    actor = one.actor.partition("@")[0] if one.actor.startswith(f"{ActorKind.PERSON}:") else one.actor
    return {EVERYTHING, actor, action_term(one.action), outcome_term(one.outcome), *map(str, objects)}


def moment_of(at: str) -> int:
    """Return a moment in the form of `stamp`, or of `datetime`, in the index's form; raises ValueError."""
    return (datetime.fromisoformat(at) - _EPOCH) // _MICROSECOND


def index_rows(one: Link) -> Iterator[IndexRow]:
    """Yield the index rows of an entry; raises ValueError for a damaged entry."""
    moment = moment_of(one.at)
    for term in terms_of(one):
        yield IndexRow(term_number(term), moment, one.sequence)


class Footprint:
    """Compares the rows of two readings, in any order; it is valid only in this process."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, rows: Iterable[IndexRow]) -> None:
        """Add rows."""
        # Because of the secret, nobody can choose rows that cancel each other.
        self._sum = (self._sum + sum(hash((_SECRET, row)) for row in rows)) & _MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Footprint) and self._sum == other._sum

    __hash__ = None  # type: ignore[assignment]  # mutable
