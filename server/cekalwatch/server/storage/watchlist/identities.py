"""Which subjects may be the same person: they share the digest of a NIK or of a travel document.

The digests are an index. Who reads by it compares the sealed facts of both subjects, so that nobody is taken for
somebody else by a row that was added or put back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlmodel import Session, col, delete, select

from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.storage.watchlist.tables import BanOrderRow, SubjectIdentityRow

subject_key = col(SubjectIdentityRow.subject_id)
digest_key = col(SubjectIdentityRow.digest)


def write_identities(
    session: Session, rows: WatchlistRows, subjects: Iterable[Subject], concerned: Collection[str]
) -> set[str]:
    """Write the digests of subjects that were stored, and return whose urgent orders must be judged again.

    `concerned` are the keys of all subjects whose orders or facts change, these among them.
    """
    wanted = {subject.subject_id: rows.identity_digests(subject) for subject in subjects}
    held: dict[str, set[str]] = {key: set() for key in wanted}
    for key, digest in session.exec(
        select(SubjectIdentityRow.subject_id, SubjectIdentityRow.digest).where(subject_key.in_(concerned))
    ):
        held.setdefault(key, set()).add(digest)
    for key, digests in wanted.items():
        session.add_all(SubjectIdentityRow(subject_id=key, digest=one) for one in sorted(digests - held[key]))
        if gone := held[key] - digests:
            session.exec(delete(SubjectIdentityRow).where(subject_key == key, digest_key.in_(gone)))
    return _urgent_with(session, set().union(*held.values(), *wanted.values()))


def remove_identities(session: Session, subject_id: str) -> set[str]:
    """Remove the digests of a subject, and return whose urgent orders must be judged again."""
    digests = session.exec(select(SubjectIdentityRow.digest).where(subject_key == subject_id)).all()
    session.exec(delete(SubjectIdentityRow).where(subject_key == subject_id))
    return _urgent_with(session, digests)


def subjects_by_digest(session: Session, digests: Collection[str]) -> dict[str, set[str]]:
    """Return the keys of the subjects with each of the digests."""
    found: dict[str, set[str]] = {digest: set() for digest in digests}
    query = select(SubjectIdentityRow.digest, SubjectIdentityRow.subject_id).where(digest_key.in_(digests))
    for digest, key in session.exec(query):
        found[digest].add(key)
    return found


def _urgent_with(session: Session, digests: Collection[str]) -> set[str]:
    """Return the keys of the subjects with one of the digests and an urgent order: no other order depends on them."""
    if not digests:
        return set()
    query = (
        select(SubjectIdentityRow.subject_id)
        .join(BanOrderRow, col(BanOrderRow.subject_id) == subject_key)
        .where(digest_key.in_(digests), col(BanOrderRow.urgent))
    )
    return set(session.exec(query))
