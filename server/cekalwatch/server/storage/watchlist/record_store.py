"""Stores records in the watchlist, several in one transaction: a single one would cost as much as twenty together.

It first reads all present data at once, and writes the rows of each kind at once. Methods block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple, Self

import numpy as np
import uuid6
from numpy.typing import NDArray
from sqlalchemy import func
from sqlmodel import Session, SQLModel, col, select

from cekalwatch.contract.values.subjects import MAX_ORDERS, PicturedFace, ReferenceFace, Subject
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.orders.ban_order import WIB, BanOrder, SubjectFile
from cekalwatch.server.domain.orders.dates import read
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.foundation.clock import Clock, SystemClock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import checked, guard_of, replace_row
from cekalwatch.server.storage.integrity.signed_row import SignedRow
from cekalwatch.server.storage.keys.store import hold_sealing_key
from cekalwatch.server.storage.queries import pieces
from cekalwatch.server.storage.watchlist.changes import (
    count_change,
    current_version,
    lock_watchlist,
    numbers_of,
    write_identities,
)
from cekalwatch.server.storage.watchlist.reading import other_keys, read_files, read_orders, same_person
from cekalwatch.server.storage.watchlist.rows import DAMAGED, WatchlistRows
from cekalwatch.server.storage.watchlist.tables import BanOrderRow, ReferenceFaceRow, SubjectRow


class StoreOutcome(StrEnum):
    """What storing an order did."""

    STORED = "STORED"
    UNCHANGED = "UNCHANGED"
    SUBJECT_FULL = "SUBJECT_FULL"
    """Nothing: the subject has the maximum number of orders already."""
    ORDER_CHANGED = "ORDER_CHANGED"
    """Nothing: the stored order differs from the one that the record replaces."""
    SILENCES_ORDERS = "SILENCES_ORDERS"
    """Nothing: an order in force would no longer alert, for which nobody has signed."""


REFUSALS: Final = {
    StoreOutcome.SUBJECT_FULL: Code.SUBJECT_FULL,
    StoreOutcome.ORDER_CHANGED: Code.ORDER_CHANGED,
    StoreOutcome.SILENCES_ORDERS: Code.SILENCES_ORDERS,
}
"""Nothing of such a record is written, and why."""

Refuses = Callable[[Sequence[SubjectFile], Sequence[SubjectFile]], bool]
"""Whether records may not be stored that make these files of these."""


@dataclass(frozen=True, eq=False)
class NewReference(PicturedFace):
    """A photograph to store, with its face and its template in one model version."""

    photo: bytes
    model_version: str
    template: NDArray[np.float32]
    """Shape (size,), length 1."""

    @classmethod
    def of(cls, face: PicturedFace, photo: bytes, model_version: str, template: NDArray[np.float32]) -> Self:
        """Return the reference of an enrolled face."""
        return cls(face.face_jpeg, face.figures, tuple(map(str, face.warnings)), photo, model_version, template)

    @property
    def photo_sha256(self) -> str:
        """SHA-256 of the original photograph, hexadecimal."""
        return hashlib.sha256(self.photo).hexdigest()


@dataclass(frozen=True, eq=False)
class NewRecord:
    """An order with its subject and new reference faces."""

    subject: Subject
    order: BanOrder
    references: Sequence[NewReference] = ()
    replaces: str | None = None
    """Digest of the order's expected stored content, empty for a new order; None: any content."""


@dataclass(frozen=True)
class DryRunResult:
    """What storing a record would do."""

    outcome: StoreOutcome
    order: BanOrder
    """As it would be stored."""
    added: bool
    """Whether no order with that key is stored."""
    held: BanOrder | None
    """The stored order of the same subject; None if it is missing or damaged."""
    file: SubjectFile | None
    """The stored subject."""
    elsewhere: tuple[BanOrder, ...]
    """Stored orders of the same person under other keys."""


class RecordResult(NamedTuple):
    """The result of storing a record."""

    outcome: StoreOutcome
    fields: tuple[str, ...] = ()
    """Names of the fields that changed; none of an order that is new, or was damaged."""
    former_subject_id: str = ""
    """ID of the subject that the order was about before; empty when that is the same one."""


@dataclass(frozen=True)
class WriteResult:
    """What storing records did."""

    outcomes: Sequence[StoreOutcome]
    """Of each record."""
    version: int
    """The change counter afterwards."""


class RecordStore:
    """Stores records in the watchlist. Each method is one transaction."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._rows = WatchlistRows(keyring)

    def put(
        self,
        subject: Subject,
        order: BanOrder,
        references: Sequence[NewReference] = (),
        note: Callable[[StoreOutcome], AuditEntry] | None = None,
    ) -> StoreOutcome:
        """Store a record by itself; see `put_all`. Raises SUBJECT_FULL for an order more than MAX_ORDERS."""
        written = self.put_all(
            [NewRecord(subject, order, references)], lambda _, done: note(done.outcome) if note else None
        )
        if written.outcomes[0] is StoreOutcome.SUBJECT_FULL:
            raise CekalwatchError(Code.SUBJECT_FULL, f"{MAX_ORDERS} orders")
        return written.outcomes[0]

    def content_of(self, order_ids: Sequence[str]) -> dict[str, str]:
        """Return a digest of the stored facts of each of these orders and its subject, by key; none for unknown orders.

        It changes whenever the facts do, and reveals nothing of them.
        """
        found = dict[str, str]()
        with self._database.session() as session:
            for keys in pieces(order_ids):
                query = select(BanOrderRow.order_id, BanOrderRow.content_hash)
                found |= dict(session.exec(query.where(col(BanOrderRow.order_id).in_(keys))).all())
        return found

    def foresee(self, records: Sequence[NewRecord], grown: Mapping[str, int]) -> list[DryRunResult]:
        """Return what storing each record would do, and store nothing; each subject comes once.

        `grown`: the number of orders that subjects are assumed to have in addition to the stored ones.
        """
        with self._database.session() as session:
            held = _Held.read(session, self._rows, records, self._clock.now()).grown(grown)
            keys = {record.subject.subject_id for record in records}
            files = {file.subject.subject_id: file for file in read_orders(session, self._rows, keys)}
            people = [SubjectFile(record.subject, (), ()) for record in records]
            others = same_person(session, self._rows, people)
            return [
                DryRunResult(
                    held.done(record).outcome,
                    held.as_first_sent(record.order),
                    record.order.order_id not in held.orders,
                    next((one for one in file.orders if one.order_id == record.order.order_id), None) if file else None,
                    file,
                    others.get(record.subject.subject_id, ()),
                )
                for record in records
                for file in [files.get(record.subject.subject_id)]
            ]

    def put_all(
        self,
        records: Sequence[NewRecord],
        note: Callable[[int, RecordResult], AuditEntry | None],
        refuses: Refuses | None = None,
    ) -> WriteResult:
        """Store records in one transaction; see `_write_records`.

        For each record with changes, `note` gets its number and what was done, and its result is committed for the
        audit trail. With `refuses`, which looks at everybody whom a record concerns, those that it lets through are
        stored each by itself where it refuses all together.
        """
        written = self._put_together(records, note, refuses)
        if written:
            return written
        if len(records) == 1:
            return WriteResult([StoreOutcome.SILENCES_ORDERS], self._version())
        each = [self.put_all([one], partial(_numbered, note, number), refuses) for number, one in enumerate(records)]
        return WriteResult([one.outcomes[0] for one in each], each[-1].version)

    def silenced_by(
        self,
        records: Sequence[NewRecord],
        silenced: Callable[[Sequence[SubjectFile], Sequence[SubjectFile]], Collection[str]],
    ) -> list[tuple[str, ...]]:
        """Return what `silenced` says of everybody whom each record concerns, before and after; nothing is stored."""
        together = self._rehearsed(records, silenced)
        if not together or len(records) == 1:
            return [together for _ in records]
        return [self._rehearsed([one], silenced) for one in records]

    def _rehearsed(
        self,
        records: Sequence[NewRecord],
        silenced: Callable[[Sequence[SubjectFile], Sequence[SubjectFile]], Collection[str]],
    ) -> tuple[str, ...]:
        with self._database.session() as session:
            lock_watchlist(session)
            hold_sealing_key(session, self._rows.keyring)
            keys = self._concerned(session, records)
            before = read_files(session, self._rows, keys)
            _write_records(session, self._rows, records, self._clock.now())
            found = tuple(sorted(silenced(before, self._rehearsed_files(session, keys))))
            session.rollback()
        return found

    def _rehearsed_files(self, session: Session, keys: Collection[str]) -> list[SubjectFile]:
        """Return the files as the transaction has written them, which may still be taken back."""
        with guard_of(session).versions.rehearsing():
            return read_files(session, self._rows, keys)

    def subjects_of(self, order_ids: Collection[str]) -> set[str]:
        """Return the keys of the subjects of these orders."""
        found = set[str]()
        with self._database.session() as session:
            for keys in pieces(sorted(order_ids)):
                found |= set(session.exec(select(BanOrderRow.subject_id).where(col(BanOrderRow.order_id).in_(keys))))
        return found

    def _version(self) -> int:
        with self._database.session() as session:
            return current_version(session)

    def _put_together(
        self,
        records: Sequence[NewRecord],
        note: Callable[[int, RecordResult], AuditEntry | None],
        refuses: Refuses | None,
    ) -> WriteResult | None:
        """Store records in one transaction; None, and nothing is stored, where `refuses` says so."""
        with self._database.session() as session:
            lock_watchlist(session)
            hold_sealing_key(session, self._rows.keyring)
            keys = self._concerned(session, records) if refuses else frozenset()
            before = read_files(session, self._rows, keys) if refuses else ()
            everything, changed = _write_records(session, self._rows, records, self._clock.now())
            if refuses and changed and refuses(before, self._rehearsed_files(session, keys)):
                session.rollback()
                return None
            if changed:
                count_change(session, changed)
                session.flush()
                entries = [
                    entry
                    for number, done in enumerate(everything)
                    if done.outcome is StoreOutcome.STORED
                    or (done.outcome is StoreOutcome.UNCHANGED and records[number].references)
                    if (entry := note(number, done))
                ]
                if entries:
                    write_audit(session, *entries)
                session.commit()
            return WriteResult([done.outcome for done in everything], current_version(session))

    def _concerned(self, session: Session, records: Sequence[NewRecord]) -> frozenset[str]:
        """Return the keys of the subjects on whose orders the records may have an effect."""
        keys = {one.subject.subject_id for one in records}
        orders = [one.order.order_id for one in records]
        query = select(BanOrderRow.subject_id).where(col(BanOrderRow.order_id).in_(orders))
        keys |= set(session.exec(query))
        files = [*read_files(session, self._rows, keys), *(SubjectFile(one.subject, (), ()) for one in records)]
        return frozenset(keys.union(*other_keys(session, self._rows, files).values()))


def _numbered(
    note: Callable[[int, RecordResult], AuditEntry | None], number: int, _: int, done: RecordResult
) -> AuditEntry | None:
    return note(number, done)


def _write_records(
    session: Session, rows: WatchlistRows, records: Sequence[NewRecord], now: datetime
) -> tuple[list[RecordResult], set[str]]:
    """Write the records; return what was done with each, and the keys of the subjects that changed.

    Each order comes once, and so does each subject. An order that is stored with the same content is UNCHANGED, and
    its subject is not changed either, unless a row is damaged; references are added nevertheless. Nothing is written
    for a record whose outcome is one of REFUSALS.
    """
    held = _Held.read(session, rows, records, now)
    everything = [held.done(record) for record in records]
    kept = [one for one, done in zip(records, everything, strict=True) if done.outcome not in REFUSALS]
    stored = [one for one, done in zip(records, everything, strict=True) if done.outcome is StoreOutcome.STORED]
    changed = {one.subject.subject_id for one in stored} | {one.subject.subject_id for one in kept if one.references}
    # An order may move from one subject to another.
    changed |= {row.subject_id for one in stored if (row := held.orders.get(one.order.order_id))}
    left = {key for one in stored if (key := held.left_by(one.order))}
    _write(session, (rows.subject_row(one.subject) for one in stored), held.subjects, "subject_id")
    session.flush()
    if stored:
        changed |= write_identities(session, rows, (one.subject for one in stored), changed)
    _write(
        session,
        (rows.order_row(held.as_first_sent(one.order), held.content[one.order.order_id]) for one in stored),
        held.orders,
        "order_id",
    )
    _write_references(session, rows, kept)
    session.flush()
    _mark_moved(session, [held.subjects[key] for key in left], now)
    return everything, changed


@dataclass(frozen=True)
class _Held:
    """The stored data of the orders and subjects that will be written."""

    session: Session
    rows: WatchlistRows
    content: dict[str, str]
    """Digests of the records that are to be written, by the keys of their orders."""
    orders: dict[str, BanOrderRow]
    subjects: dict[str, SubjectRow]
    counts: dict[str, int]
    """Orders of each subject."""
    numbers: dict[str, set[str]]
    """Digests in the index of people, by subject."""
    today: date

    @classmethod
    def read(cls, session: Session, rows: WatchlistRows, records: Sequence[NewRecord], now: datetime) -> _Held:
        order_ids = [record.order.order_id for record in records]
        subject_ids = {record.subject.subject_id for record in records}
        if len(set(order_ids)) < len(records) or len(subject_ids) < len(records):
            raise ValueError("an order or a subject comes twice")
        orders = session.exec(select(BanOrderRow).where(col(BanOrderRow.order_id).in_(order_ids))).all()
        wanted = subject_ids | {row.subject_id for row in orders}
        subjects = session.exec(select(SubjectRow).where(col(SubjectRow.subject_id).in_(wanted))).all()
        counting = (
            select(BanOrderRow.subject_id, func.count())
            .where(col(BanOrderRow.subject_id).in_(subject_ids))
            .group_by(col(BanOrderRow.subject_id))
        )
        return cls(
            session,
            rows,
            {record.order.order_id: rows.content_hash(record.subject, record.order) for record in records},
            {row.order_id: row for row in orders},
            {row.subject_id: row for row in subjects},
            dict(session.exec(counting).all()),
            numbers_of(session, wanted),
            now.astimezone(WIB).date(),
        )

    def grown(self, more: Mapping[str, int]) -> _Held:
        """Return the same with more orders of some subjects."""
        return replace(self, counts={key: self.counts.get(key, 0) + more.get(key, 0) for key in {*self.counts, *more}})

    def subject(self, subject_id: str) -> Subject:
        """Read a subject; raises what DAMAGED names."""
        return self.rows.subject(checked(self.session, self.subjects[subject_id]))

    def order(self, row: BanOrderRow) -> BanOrder:
        """Read an order; raises what DAMAGED names."""
        return self.rows.order(checked(self.session, row))

    def done(self, record: NewRecord) -> RecordResult:
        """Return what must be done with a record."""
        order = record.order
        held = self.orders.get(order.order_id)
        if record.replaces is not None and record.replaces != (held.content_hash if held else ""):
            return RecordResult(StoreOutcome.ORDER_CHANGED)
        if held is not None and self._same(held, order):
            return RecordResult(StoreOutcome.UNCHANGED)
        grows = held is None or held.subject_id != order.subject_id
        if grows and self.counts.get(order.subject_id, 0) >= MAX_ORDERS:
            return RecordResult(StoreOutcome.SUBJECT_FULL)
        if held is None:
            return RecordResult(StoreOutcome.STORED)
        former = held.subject_id if held.subject_id != order.subject_id else ""
        return RecordResult(StoreOutcome.STORED, self._changed_fields(record), former)

    def left_by(self, order: BanOrder) -> str:
        """Return the ID of the subject from which a record moves the order; empty if that is not known for sure."""
        held = self.orders.get(order.order_id)
        if held is None or held.subject_id == order.subject_id:
            return ""
        try:
            self.subject(held.subject_id)
            return self.order(held).subject_id
        except DAMAGED:
            return ""

    def _changed_fields(self, record: NewRecord) -> tuple[str, ...]:
        held = self.orders[record.order.order_id]
        try:
            before = {**asdict(self.subject(held.subject_id)), **asdict(self.order(held))}
        except DAMAGED:
            return ()
        now = {**asdict(record.subject), **asdict(self.as_first_sent(record.order))}
        return tuple(name for name, value in now.items() if value != before[name] and name != "stored_on")

    def _same(self, held: BanOrderRow, order: BanOrder) -> bool:
        """Whether a record with that content is stored and readable, and its subject is in the index of people."""
        if held.content_hash != self.content[order.order_id]:
            return False
        try:
            indexed = self.rows.identity_digests(self.subject(held.subject_id)) == self.numbers[held.subject_id]
            return indexed and self.order(held) == self.as_first_sent(order)
        except DAMAGED:
            return False

    def as_first_sent(self, order: BanOrder) -> BanOrder:
        """Return the order with the day of this content's storing, and that on which it first arrived as urgent, if it
        does not say so itself any more.

        A written decision that was stored since, and is not stated any more, lies between the two.
        """
        held = self.orders.get(order.order_id)
        new = replace(order, stored_on=self.today)
        try:
            before = self.order(held) if held else None
        except DAMAGED:
            return new
        if held is None or before is None:
            return new
        order = replace(order, stored_on=before.stored_on) if self.content[order.order_id] == held.content_hash else new
        if not before.was_urgent or (before.has_decree and not order.has_decree):
            return order
        # A receipt that cannot be true, and is corrected now, begins no days.
        first = min(read(before, Law()).order.first_received_on, order.first_received_on)
        return order if order.urgent and first == order.received_on else replace(order, urgent_since=first)


def _mark_moved(session: Session, subjects: Sequence[SubjectRow], now: datetime) -> None:
    """Mark those of the subjects that have no order any more."""
    keys = [row.subject_id for row in subjects]
    holding = set(session.exec(select(BanOrderRow.subject_id).where(col(BanOrderRow.subject_id).in_(keys)).distinct()))
    for row in subjects:
        if row.subject_id not in holding:
            row.orders_moved_at = now


def _write(session: Session, rows: Iterable[SQLModel], held: Collection[str], key: str) -> None:
    """Add the rows, or replace those whose `key` is in `held`, even if damaged."""
    for row in rows:
        if getattr(row, key) not in held:
            session.add(row)
        elif isinstance(row, SignedRow):
            replace_row(session, row)
        else:
            session.merge(row)


def _write_references(session: Session, rows: WatchlistRows, records: Sequence[NewRecord]) -> None:
    new = [(record.subject.subject_id, one) for record in records for one in record.references]
    if not new:
        return
    query = select(ReferenceFaceRow.subject_id, ReferenceFaceRow.photo_digest, ReferenceFaceRow.reference_id)
    found = session.exec(query.where(col(ReferenceFaceRow.subject_id).in_({key for key, _ in new}))).all()
    known = {(subject_id, digest): reference_id for subject_id, digest, reference_id in found}
    keyed = [
        (known.get((key, rows.photo_digest(key, one.photo_sha256))) or str(uuid6.uuid7()), key, one) for key, one in new
    ]
    held = set(known.values())
    _write(
        session,
        (
            rows.reference_row(ReferenceFace(reference_id, one.photo_sha256, one.figures, one.warnings, key))
            for reference_id, key, one in keyed
        ),
        held,
        "reference_id",
    )
    session.flush()
    for reference_id, subject_id, one in keyed:
        parts = (
            rows.picture_row(reference_id, one.photo, one.face_jpeg),
            rows.template_row(reference_id, one.model_version, subject_id, one.template),
        )
        for part in parts:
            _write(session, [part], held, "reference_id")
