"""Reads many subjects of the watchlist at once, with their orders and reference faces.

A damaged row is left out and logged by its key, so that it does not affect the recognition of others. A subject's file
counts its damaged orders.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import structlog
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from cekalwatch.contract.values.subjects import ReferenceFace, Subject
from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.storage.integrity.guarded_session import guard_of
from cekalwatch.server.storage.integrity.signed_row import SignedRow
from cekalwatch.server.storage.queries import pieces
from cekalwatch.server.storage.watchlist.changes import subjects_by_digest
from cekalwatch.server.storage.watchlist.rows import DAMAGED, WatchlistRows
from cekalwatch.server.storage.watchlist.tables import BanOrderRow, ReferenceFaceRow, SubjectRow

Signed = TypeVar("Signed", bound=SignedRow)
Row = TypeVar("Row")
Value = TypeVar("Value")

MARK_BYTES = 16
_MAC_BYTES = 32
_UNMARKED = b""

log = structlog.get_logger()


@dataclass(frozen=True)
class MarkedFile:
    """A subject with its orders, and the mark of the rows from which they were read."""

    file: SubjectFile
    mark: bytes
    """Digest of the MACs of its rows, equal while the rows are unchanged. Empty if the terms of the orders do not
    follow from these rows alone: an order is damaged, or may depend on orders of other keys (`needs_other_keys`)."""


def readable(found: Iterable[Row], convert: Callable[[Row], Value], key: Callable[[Row], str]) -> Iterator[Value]:
    """Yield what `convert` makes of each row, and leave out damaged ones, which the log names by `key`."""
    for row in found:
        try:
            yield convert(row)
        except DAMAGED as error:
            # A traceback would show the content of the row.
            log.error("row_damaged", key=key(row), error=type(error).__name__)  # noqa: TRY400


def read_files(session: Session, rows: WatchlistRows, keys: Collection[str]) -> list[SubjectFile]:
    """Return the subjects of `keys` with their stored data, by key."""
    query = select(ReferenceFaceRow).where(col(ReferenceFaceRow.subject_id).in_(keys))
    found = readable(
        _plain(session, ReferenceFaceRow, query),
        _checked(session, ReferenceFaceRow, rows.reference),
        lambda row: row.reference_id,
    )
    faces_of: dict[str, list[ReferenceFace]] = defaultdict(list)
    for face in found:
        faces_of[face.subject_id].append(face)
    return [
        replace(file, references=tuple(sorted(faces_of[file.subject.subject_id], key=_worst_last)))
        for file in read_orders(session, rows, keys)
    ]


def read_orders(session: Session, rows: WatchlistRows, keys: Collection[str]) -> list[SubjectFile]:
    """Return the subjects of `keys` with their orders and without their reference faces, by key."""
    return [one.file for one in read_marked(session, rows, keys)]


def read_marked(session: Session, rows: WatchlistRows, keys: Collection[str]) -> list[MarkedFile]:
    """Return the same with their marks."""
    found = _read_alone(session, rows, keys)
    needing = [one.file for one in found if one.file.needs_other_keys]
    if not needing:
        return found
    others, photographed = same_person(session, rows, needing), _photographed(session, needing)

    def whole(file: SubjectFile) -> SubjectFile:
        key = _key(file)
        return replace(file, elsewhere=others.get(key, ()), photographed=photographed.get(key))

    return [replace(one, file=whole(one.file)) if one.file.needs_other_keys else one for one in found]


def _photographed(session: Session, files: Iterable[SubjectFile]) -> dict[str, bool]:
    """Return whether each subject with an urgent order has a photograph, by its key."""
    keys = {_key(file) for file in files if any(order.urgent for order in file.orders)}
    held: set[str] = set()
    for some in pieces(sorted(keys)):
        query = select(ReferenceFaceRow.subject_id).where(col(ReferenceFaceRow.subject_id).in_(some)).distinct()
        held |= set(session.exec(query))
    return {key: key in held for key in keys}


def read_marks(session: Session) -> Iterator[tuple[str, bytes]]:
    """Yield each subject's key and the mark of its present rows; empty if an older row was restored."""
    versions = guard_of(session).versions
    seen = {key: versions.of((table, key)) for table, key in versions.of_table(str(BanOrderRow.__tablename__))}
    macs_of: dict[str, list[object]] = defaultdict(list)
    orders = select(BanOrderRow.order_id, BanOrderRow.subject_id, BanOrderRow.row_version, BanOrderRow.mac)
    for order_id, subject_id, version, mac in session.execute(orders):
        newest = seen.get(order_id, 0)
        stands = isinstance(version, int) and version >= newest  # whatever the database holds there
        macs_of[subject_id].append(mac if stands else None)
    for subject_id, mac in session.execute(select(SubjectRow.subject_id, SubjectRow.mac)):
        yield subject_id, _mark([mac, *macs_of[subject_id]])


def _mark(macs: list[object]) -> bytes:
    """Return the mark of rows with these MACs, the subject's first; empty for an invalid MAC."""
    known = [mac for mac in macs if isinstance(mac, bytes) and len(mac) == _MAC_BYTES]
    if len(known) < len(macs):
        return _UNMARKED
    return hashlib.blake2b(known[0] + b"".join(sorted(known[1:])), digest_size=MARK_BYTES).digest()


def _key(file: SubjectFile) -> str:
    return file.subject.subject_id


def same_person(
    session: Session, rows: WatchlistRows, files: Collection[SubjectFile]
) -> dict[str, tuple[BanOrder, ...]]:
    """Return the orders of each subject's person under other keys, by key; only of those with other keys."""
    found = other_keys(session, rows, files)
    known: dict[str, SubjectFile] = {}
    for some in pieces(sorted(set().union(*found.values()))):
        known |= {_key(one.file): one.file for one in _read_alone(session, rows, some)}
    return {
        one.subject_id: tuple(
            order
            for key in sorted(keys & known.keys())
            if known[key].subject.identities & one.identities
            for order in known[key].orders
        )
        for one, keys in found.items()
        if keys
    }


def read_people(
    session: Session, rows: WatchlistRows, subjects: Mapping[str, Collection[str]]
) -> dict[str, tuple[SubjectFile, ...]]:
    """Return the files of the person behind each key: the subject's own first, if it is held.

    `subjects` gives the keys of orders by the subject's key. Others are the same person if they share an identity, or
    if one of these orders is theirs now and the identities of the two do not contradict that.
    """
    files = {_key(one): one for some in pieces(sorted(subjects)) for one in read_files(session, rows, some)}
    found: dict[str, set[str]] = {key: set() for key in subjects}
    for subject, keys in other_keys(session, rows, files.values()).items():
        found[subject.subject_id] |= keys
    holders: dict[str, str] = {}
    for some in pieces(sorted({one for order_ids in subjects.values() for one in order_ids})):
        query = select(BanOrderRow.order_id, BanOrderRow.subject_id).where(col(BanOrderRow.order_id).in_(some))
        holders |= dict(session.exec(query).all())
    moved = {key: {holders[one] for one in order_ids if one in holders} - {key} for key, order_ids in subjects.items()}
    others = set().union(*found.values(), *moved.values()) - files.keys()
    files |= {_key(one): one for some in pieces(sorted(others)) for one in read_files(session, rows, some)}

    def same(key: str, other: str) -> bool:
        theirs = files[other].subject.identities
        own = files[key].subject.identities if key in files else frozenset()
        return bool(own & theirs) or (other in moved[key] and not (own and theirs))

    return {
        key: tuple(
            files[one]
            for one in (key, *sorted(found[key] | moved[key]))
            if one in files and (one == key or same(key, one))
        )
        for key in subjects
    }


def other_keys(session: Session, rows: WatchlistRows, files: Collection[SubjectFile]) -> dict[Subject, set[str]]:
    """Return under which other keys each subject may be held; their identities must still be compared."""
    digests = {file.subject: rows.identity_digests(file.subject) for file in files}
    holders = subjects_by_digest(session, frozenset().union(*digests.values()))
    return {one: {key for digest in own for key in holders[digest]} - {one.subject_id} for one, own in digests.items()}


def _read_alone(session: Session, rows: WatchlistRows, keys: Collection[str]) -> list[MarkedFile]:
    """Read subjects with their orders, and nothing of the same person under other keys."""
    if not keys:
        return []
    query = (
        select(BanOrderRow)
        .where(col(BanOrderRow.subject_id).in_(keys))
        .order_by(col(BanOrderRow.received_on).desc(), col(BanOrderRow.order_id).desc())
    )
    orders_of: dict[str, list[BanOrder]] = defaultdict(list)
    macs_of: dict[str, list[object]] = defaultdict(list)
    found = list(_plain(session, BanOrderRow, query))
    for row in found:
        macs_of[row.subject_id].append(row.mac)
    for order in readable(found, _checked(session, BanOrderRow, rows.order), lambda row: row.order_id):
        orders_of[order.subject_id].append(order)
    damaged = Counter(row.subject_id for row in found)
    damaged.subtract({subject_id: len(orders) for subject_id, orders in orders_of.items()})
    subjects = select(SubjectRow).where(col(SubjectRow.subject_id).in_(keys)).order_by(col(SubjectRow.subject_id))
    check, read = guard_of(session).check_plain, rows.subject

    def marked(row: SubjectRow) -> MarkedFile:
        check(SubjectRow, row)
        key = row.subject_id
        file = SubjectFile(read(row), tuple(orders_of[key]), (), damaged[key], orders_moved_at=row.orders_moved_at)
        sure = file.orders and not file.unreadable and not file.needs_other_keys
        return MarkedFile(file, _mark([row.mac, *macs_of[key]]) if sure else _UNMARKED)

    return list(readable(_plain(session, SubjectRow, subjects), marked, lambda row: row.subject_id))


def _checked(session: Session, table: type[Signed], read: Callable[[Signed], Value]) -> Callable[[Signed], Value]:
    """Return what checks a plain row of `table`, and then reads it."""
    check = guard_of(session).check_plain

    def read_checked(row: Signed) -> Value:
        check(table, row)
        return read(row)

    return read_checked


def _plain(session: Session, table: type[Signed], query: SelectOfScalar[Signed]) -> Iterable[Signed]:
    """Return the results of `query` as plain rows, which have the same attributes.

    Objects that SQLAlchemy tracks need three times as long, and a census reads hundreds of thousands.
    """
    columns = SQLModel.metadata.tables[str(table.__tablename__)].columns
    return cast("Iterable[Signed]", session.execute(query.with_only_columns(*columns)))


def _worst_last(face: ReferenceFace) -> tuple[int, float]:
    return len(face.warnings), -face.figures.eye_distance_px
