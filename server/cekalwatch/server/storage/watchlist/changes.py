"""The additional writes of each change of the watchlist: the change log, and the index of people.

The log says which subjects changed since a value of the change counter. Each subject has at most one row, with the
counter's value of its newest change, so the log needs no pruning, and a follower can never be too late. A deleted
subject keeps its row, so that followers learn of the deletion.

The index says which subjects may be the same person: they share the digest of a NIK or of a travel document. Its
readers compare the sealed facts of both subjects, so that an added or restored row cannot cause a confusion of people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, select, update

from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.storage.integrity.guarded_session import with_valid_mac
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.storage.watchlist.tables import (
    SubjectIdentityRow,
    WatchlistChangeRow,
    WatchlistStateRow,
    WatchlistSuccessRow,
)

CONCERNED = "concerned"
"""Where a session remembers the subjects that its transaction concerns; `inventory.py` writes their rows of the log."""
EMPTIED = "emptied"
"""Where a session remembers the subjects of which it removes all rows."""
RENUMBERED = "renumbered"
"""Where a session remembers the subjects of which it removes numbers."""


def lock_watchlist(session: Session) -> None:
    """Lock the watchlist against changes until the transaction ends; the first step of each change.

    It takes SQLite's write lock before anything is read, so that two changes cannot overlap.
    """
    session.exec(update(WatchlistStateRow).values(version=WatchlistStateRow.version))


def count_change(session: Session, subject_ids: Iterable[str]) -> None:
    """Count one change of the watchlist, which concerns these subjects; the transaction must hold `lock_watchlist`.

    The commit writes the log.
    """
    session.exec(update(WatchlistStateRow).values(version=col(WatchlistStateRow.version) + 1))
    session.info.setdefault(CONCERNED, set()).update(subject_ids)


def note_success(session: Session, source: str, now: datetime) -> None:
    """Note that the watchlist was brought up to date from `source`; empty: by hand."""
    session.exec(delete(WatchlistSuccessRow).where(col(WatchlistSuccessRow.source) == source))
    session.add(WatchlistSuccessRow(source=source, last_success_at=now))


def note_sources_of(session: Session, source: str, told: Mapping[str, datetime | None]) -> None:
    """Store the age of the list of `source` by each of its own sources, by name, in place of earlier values."""
    session.exec(delete(WatchlistSuccessRow).where(_of_source(source)))
    session.add_all(WatchlistSuccessRow(source=f"{source}: {name}", last_success_at=at) for name, at in told.items())


def sources_of(session: Session, source: str) -> dict[str, datetime | None]:
    """Return what `note_sources_of` noted, by `SOURCE: NAME`."""
    return _successes(session, _of_source(source))


def last_success_at(session: Session, source: str) -> datetime | None:
    """Return what `note_success` noted; None: nothing."""
    return _successes(session, col(WatchlistSuccessRow.source) == source).get(source)


def _successes(session: Session, wanted: ColumnElement[bool]) -> dict[str, datetime | None]:
    """Return the moments by source. One that somebody else wrote is none, so that its list counts as old."""
    rows = session.exec(select(WatchlistSuccessRow).where(wanted).order_by(WatchlistSuccessRow.source)).all()
    noted = {row.source: row.last_success_at for row in with_valid_mac(session, rows)}
    return {row.source: noted.get(row.source) for row in rows}


def _of_source(source: str) -> ColumnElement[bool]:
    return col(WatchlistSuccessRow.source).startswith(f"{source}: ", autoescape=True)


def current_version(session: Session) -> int:
    """Return the change counter."""
    return session.exec(select(WatchlistStateRow.version)).one()


def changed_since(session: Session, version: int) -> list[str]:
    """Return the keys of subjects that were changed, added or deleted after that value of the counter."""
    query = select(WatchlistChangeRow.subject_id).where(col(WatchlistChangeRow.version) > version)
    return list(session.exec(query).all())


subject_key = col(SubjectIdentityRow.subject_id)
digest_key = col(SubjectIdentityRow.digest)


def write_identities(
    session: Session, rows: WatchlistRows, subjects: Iterable[Subject], concerned: Collection[str]
) -> set[str]:
    """Write the digests of subjects that were stored, and return the keys of everybody who shares one.

    `concerned` are the keys of all subjects whose orders or facts change, these among them.
    """
    wanted = {subject.subject_id: rows.identity_digests(subject) for subject in subjects}
    held = numbers_of(session, concerned)
    for key, digests in wanted.items():
        session.add_all(SubjectIdentityRow(subject_id=key, digest=one) for one in sorted(digests - held[key]))
        if gone := held[key] - digests:
            session.info.setdefault(RENUMBERED, set()).add(key)
            session.exec(delete(SubjectIdentityRow).where(subject_key == key, digest_key.in_(gone)))
    return _sharing(session, set().union(*held.values(), *wanted.values()))


def numbers_of(session: Session, subject_ids: Collection[str]) -> dict[str, set[str]]:
    """Return the digests in the index by subject, for each of these subjects."""
    held: dict[str, set[str]] = {key: set() for key in subject_ids}
    query = select(SubjectIdentityRow.subject_id, SubjectIdentityRow.digest).where(subject_key.in_(subject_ids))
    for key, digest in session.exec(query):
        held[key].add(digest)
    return held


def note_emptied(session: Session, subject_ids: Iterable[str]) -> None:
    """Allow the transaction to leave fewer rows of these subjects than the watchlist had."""
    session.info.setdefault(EMPTIED, set()).update(subject_ids)


def remove_identities(session: Session, subject_id: str) -> set[str]:
    """Remove the digests of a subject, and return the keys of everybody who shares one."""
    digests = session.exec(select(SubjectIdentityRow.digest).where(subject_key == subject_id)).all()
    session.exec(delete(SubjectIdentityRow).where(subject_key == subject_id))
    return _sharing(session, digests)


def sharing(session: Session, subject_id: str) -> set[str]:
    """Return the keys of everybody who shares a number with a subject."""
    return _sharing(session, session.exec(select(SubjectIdentityRow.digest).where(subject_key == subject_id)).all())


def subjects_by_digest(session: Session, digests: Collection[str]) -> dict[str, set[str]]:
    """Return the keys of the subjects with each of the digests."""
    found: dict[str, set[str]] = {digest: set() for digest in digests}
    query = select(SubjectIdentityRow.digest, SubjectIdentityRow.subject_id).where(digest_key.in_(digests))
    for digest, key in session.exec(query):
        found[digest].add(key)
    return found


def _sharing(session: Session, digests: Collection[str]) -> set[str]:
    """Return the keys of the subjects with one of the digests: their orders, and alerts about them, depend on these."""
    return set().union(*subjects_by_digest(session, digests).values())
