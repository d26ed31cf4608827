"""Searches the audit trail by the index of its terms, newest first. Methods block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import tuple_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from cekalwatch.server.audit.entry import Link
from cekalwatch.server.audit.search_terms import EVERYTHING, Position, term_number, terms_of
from cekalwatch.server.storage.audit.store import LINK_COLUMNS
from cekalwatch.server.storage.audit.tables import AuditEntryRow, AuditIndexRow
from cekalwatch.server.storage.database import Database

MAX_LOOKED_AT = 20_000
"""Entries under the first term that one page reads, so that a page takes at most some tenths of a second."""

_TERM, _MOMENT, _SEQUENCE = col(AuditIndexRow.term), col(AuditIndexRow.moment), col(AuditIndexRow.sequence)
_PLACE = tuple_(_MOMENT, _SEQUENCE)


@dataclass(frozen=True)
class AuditQuery:
    """The search: entries with all of `terms`, at or after `since` and before `until`."""

    terms: Sequence[str] = ()
    """Those of few entries first: a page goes through the entries of the first one."""
    since: int | None = None
    """Microseconds since 1970 (UTC)."""
    until: int | None = None


@dataclass(frozen=True)
class AuditPage:
    """A page of a search, newest first."""

    found: tuple[tuple[Position, Link], ...]
    """Each with its place."""
    next: Position | None
    """After which the next page begins; None: there is none."""
    complete: bool
    """False when the page is short since it looked at enough: older entries may be there."""


class AuditSearch:
    """Finds entries in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def has(self, term: str) -> bool:
        """Whether an entry has that term."""
        with self._database.session() as session:
            return session.exec(select(_TERM).where(term_number(term) == _TERM).limit(1)).first() is not None

    def page(self, query: AuditQuery, limit: int, after: Position | None = None) -> AuditPage:
        """Return the newest `limit` entries, of those that are older than `after`."""
        first, *others = query.terms or (EVERYTHING,)
        index = select(_MOMENT, _SEQUENCE).where(term_number(first) == _TERM)
        if query.since is not None:
            index = index.where(query.since <= _MOMENT)
        if query.until is not None:
            index = index.where(query.until > _MOMENT)
        if after is not None:
            index = index.where(tuple_(*after) > _PLACE)
        newest_first = index.order_by(_MOMENT.desc(), _SEQUENCE.desc())
        with self._database.session() as session:
            looked_at = session.exec(newest_first.offset(MAX_LOOKED_AT - 1).limit(1)).first() if others else None
            if looked_at:
                newest_first = newest_first.where(tuple_(*looked_at) <= _PLACE)
            for term in others:
                other = aliased(AuditIndexRow)
                same = (
                    col(other.term) == term_number(term),
                    col(other.moment) == _MOMENT,
                    col(other.sequence) == _SEQUENCE,
                )
                newest_first = newest_first.where(select(other.term).where(*same).exists())
            places = [Position(*row) for row in session.exec(newest_first.limit(limit + 1)).all()]
            entries = select(*LINK_COLUMNS).where(
                col(AuditEntryRow.sequence).in_([one.sequence for one in places[:limit]])
            )
            links = {one.sequence: one for one in map(Link._make, session.exec(entries).all())}
        more = len(places) > limit
        found = [(one, links[one.sequence]) for one in places[:limit] if one.sequence in links]
        rest = places[limit - 1] if more else Position(*looked_at) if looked_at else None
        return AuditPage(tuple(one for one in found if _has(one[1], query.terms)), rest, more or rest is None)

    def entry(self, sequence: int) -> Link | None:
        """Return the entry with that sequence."""
        with self._database.session() as session:
            row = session.exec(select(*LINK_COLUMNS).where(col(AuditEntryRow.sequence) == sequence)).first()
            return Link._make(row) if row else None


def _has(one: Link, terms: Sequence[str]) -> bool:
    """Whether an entry that the index names has these terms; a damaged one is shown, since nobody can say."""
    try:
        return terms_of(one).issuperset(terms)
    except ValueError:
        return True
