"""Stores the watchlist. Each method is one transaction; it takes and returns domain values.

Methods block: call them from a worker thread. A damaged row is left out, counted and logged by its key; the rest works.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, func
from sqlmodel import Session, col, delete, select

from cekalwatch.contract.values.subjects import ReferenceFace
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.orders.ban_order import BanOrder, OrderContent, SubjectFile
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import commit_audited, write_audit
from cekalwatch.server.storage.columns import LIST_TOLD
from cekalwatch.server.storage.integrity.guarded_session import checked, with_valid_mac
from cekalwatch.server.storage.models.store import ModelStore, TemplateStore, is_template
from cekalwatch.server.storage.queries import pieces
from cekalwatch.server.storage.row_codec import json_text
from cekalwatch.server.storage.sync.tables import SyncOrderRow
from cekalwatch.server.storage.watchlist.amending import AmendmentStore
from cekalwatch.server.storage.watchlist.changes import (
    changed_since,
    current_version,
    last_success_at,
    note_sources_of,
    note_success,
    sources_of,
)
from cekalwatch.server.storage.watchlist.lookalikes import LookalikeStore
from cekalwatch.server.storage.watchlist.reading import (
    MarkedFile,
    read_files,
    read_marked,
    read_marks,
    read_orders,
    read_people,
    readable,
)
from cekalwatch.server.storage.watchlist.record_store import RecordStore
from cekalwatch.server.storage.watchlist.removing import SubjectDeletion, lock, remove_subject
from cekalwatch.server.storage.watchlist.tables import (
    ReferenceFaceRow,
    ReferencePictureRow,
    SubjectRow,
    TemplateRow,
)


@dataclass(frozen=True, eq=False, kw_only=True)
class EnrolledFace(ReferenceFace):
    """A reference face with its template in one model version."""

    template: NDArray[np.float32]
    """Shape (size,), length 1."""


SUBJECTS_A_QUERY = 500

_PHOTOGRAPHS = select(func.count()).where(col(ReferenceFaceRow.subject_id) == bindparam("subject_id"))


class WatchlistStore(RecordStore):
    """The watchlist in the database: reading and deletion; `RecordStore` stores records."""

    @property
    def templates(self) -> TemplateStore:
        """The templates of the same database."""
        return TemplateStore(self._database, self._rows.keyring)

    @property
    def models(self) -> ModelStore:
        """The models of the same database."""
        return ModelStore(self._database)

    @property
    def amendments(self) -> AmendmentStore:
        """Single orders of the same database."""
        return AmendmentStore(self._database)

    @property
    def lookalikes(self) -> LookalikeStore:
        """What people have found about look-alikes, in the same database."""
        return LookalikeStore(self._database)

    def enrolled(self, subject_id: str, model_version: str) -> dict[str, EnrolledFace]:
        """Return the subject's reference faces with a template in that model version, by the photograph's SHA-256.

        Faces with a damaged template are left out, so that importing their photograph again repairs them.
        """
        query = (
            select(ReferenceFaceRow, TemplateRow.vector)
            .join(TemplateRow)
            # By the templates' own index: asked for by the faces', SQLite reads the templates of all subjects.
            .where(
                col(TemplateRow.subject_id) == subject_id,
                col(TemplateRow.model_version) == model_version,
                col(ReferenceFaceRow.subject_id) == subject_id,
            )
        )

        def face(row: tuple[ReferenceFaceRow, bytes]) -> EnrolledFace:
            vector = self._rows.vector(row[0].reference_id, model_version, subject_id, row[1])
            if not is_template(vector):
                raise ValueError("no template")
            template = np.frombuffer(vector, dtype="<f4").astype(np.float32, copy=False)
            known = self._rows.reference(checked(session, row[0]))
            return EnrolledFace(**vars(known), template=template)

        with self._database.session() as session:
            found = readable(session.exec(query), face, lambda row: row[0].reference_id)
            return {one.photo_sha256: one for one in found}

    def photographs(self, subject_id: str) -> int:
        """Return how many photographs of the subject are enrolled, in any model version."""
        # Without a session, since this is asked for every record of an import.
        with self._database.connection() as connection:
            return connection.execute(_PHOTOGRAPHS, {"subject_id": subject_id}).scalar_one()

    def has_photograph(self, subject_id: str, photo_sha256: str) -> bool:
        """Whether that photograph of the subject is enrolled, in whatever model version."""
        digest = self._rows.photo_digest(subject_id, photo_sha256)
        query = select(ReferenceFaceRow.reference_id).where(
            col(ReferenceFaceRow.subject_id) == subject_id, col(ReferenceFaceRow.photo_digest) == digest
        )
        with self._database.session() as session:
            return session.exec(query).first() is not None

    def get_subject(self, subject_id: str) -> SubjectFile:
        """Return a subject with orders and reference faces; raises SUBJECT_NOT_FOUND."""
        with self._database.session() as session:
            found = read_files(session, self._rows, [subject_id])
        if not found:
            raise CekalwatchError(Code.SUBJECT_NOT_FOUND)
        return found[0]

    def get_subjects(self, subject_ids: Collection[str]) -> list[SubjectFile]:
        """Return subjects with orders and reference faces, by key; unknown and damaged ones are left out."""
        with self._database.session() as session:
            return read_files(session, self._rows, subject_ids)

    def with_template(self, reference_ids: Collection[str], model_version: str) -> set[str]:
        """Return those of the reference faces that have a template of that model version."""
        query = select(TemplateRow.reference_id).where(
            col(TemplateRow.reference_id).in_(reference_ids), col(TemplateRow.model_version) == model_version
        )
        with self._database.session() as session:
            return set(session.exec(query))

    def list_subjects(self, after: str, limit: int) -> list[SubjectFile]:
        """Return the first `limit` subjects with a key beyond `after`, by key; damaged ones are left out."""
        found: list[SubjectFile] = []
        key = col(SubjectRow.subject_id)
        with self._database.session() as session:
            # Damaged ones must not make a page short: a short page is the last one.
            while len(found) < limit:
                keys = session.exec(
                    select(SubjectRow.subject_id).where(key > after).order_by(key).limit(limit - len(found))
                ).all()
                if not keys:
                    break
                found += read_files(session, self._rows, keys)
                after = keys[-1]
        return found

    def face_jpeg(self, reference_id: str) -> bytes:
        """Return the picture of a reference face; empty when there is none, or it is damaged."""
        query = select(ReferencePictureRow.face_jpeg).where(col(ReferencePictureRow.reference_id) == reference_id)
        with self._database.session() as session:
            sealed = session.exec(query).all()
        read = readable(sealed, lambda one: self._rows.face_jpeg(reference_id, one), lambda _: reference_id)
        return next(iter(read), b"")

    def delete_subject(self, subject_id: str, note: Callable[[SubjectDeletion], AuditEntry]) -> SubjectDeletion:
        """Remove a subject with all orders, photographs and templates, and the probes of its alerts.

        The audit entry of `note` is committed with it. The galleries follow by the change counter. Alerts about the
        subject stay, with its key only. A source that still has its orders adds them again. Raises SUBJECT_NOT_FOUND.
        """
        with self._database.session() as session:
            lock(session)
            gone = _delete(session, subject_id, note)
            session.commit()
        self._database.purge_journal()
        return gone

    def delete_ended_subject(self, subject_id: str, note: Callable[[SubjectDeletion], AuditEntry]) -> bool:
        """Remove a subject as `delete_subject` does, if it exists and all its orders are withdrawn; return whether."""
        with self._database.session() as session:
            lock(session)
            files = read_orders(session, self._rows, [subject_id])
            if not files or any(one.withdrawn_at is None for file in files for one in file.orders):
                return False
            _delete(session, subject_id, note)
            session.commit()
        self._database.purge_journal()
        return True

    def erase_subject(
        self, subject_id: str, due: Callable[[SubjectFile], bool], note: Callable[[SubjectDeletion], AuditEntry]
    ) -> bool:
        """Remove a subject as `delete_subject` does, if it exists and is still `due`; return whether it was removed.

        A source that still has its unchanged orders does not add them again.
        """
        with self._database.session() as session:
            lock(session)
            if not any(map(due, read_orders(session, self._rows, [subject_id]))):
                return False
            gone = remove_subject(session, subject_id)
            seen = select(SyncOrderRow).where(col(SyncOrderRow.order_id).in_(gone.order_ids)).with_for_update()
            for row in with_valid_mac(session, session.exec(seen)):
                row.erased = True
            commit_audited(session, note(gone))
        self._database.purge_journal()
        return True

    def orders_of(self, subject_ids: Collection[str]) -> list[SubjectFile]:
        """Return the stored ones of the subjects, by key, with their orders and without reference faces."""
        with self._database.session() as session:
            return read_orders(session, self._rows, subject_ids)

    def people(self, subjects: Mapping[str, Collection[str]]) -> dict[str, tuple[SubjectFile, ...]]:
        """Return the files of each subject's person; see `read_people`."""
        with self._database.session() as session:
            return read_people(session, self._rows, subjects)

    def digest(self, of: object) -> str:
        """Return a keyed digest of values, which is useless without the key."""
        return self._rows.keyring.digest(LIST_TOLD.at(), json_text(of).encode())

    def content(self, order: BanOrder) -> OrderContent:
        """Return what a new order differs by from this one."""
        decree = self.digest((order.decree_number, order.decree_date))
        return OrderContent(order.order_id, decree, order.received_on, order.valid_until)

    def marked_orders_of(self, subject_ids: Collection[str]) -> list[MarkedFile]:
        """Return the same, each with the mark of the rows that it was read from."""
        with self._database.session() as session:
            return read_marked(session, self._rows, subject_ids)

    def marks(self) -> Iterator[tuple[str, bytes]]:
        """Yield the keys of all subjects, each with the mark of its present rows; no row is checked."""
        with self._database.session() as session:
            yield from read_marks(session)

    def everybody(self) -> Iterator[list[SubjectFile]]:
        """Yield the whole list, some subjects with their orders at a time."""
        last = ""
        while keys := self.subject_keys(last, SUBJECTS_A_QUERY):
            yield self.orders_of(keys)
            last = keys[-1]

    def subject_keys(self, after: str, limit: int) -> Sequence[str]:
        """Return the first `limit` keys of subjects beyond `after`."""
        key = col(SubjectRow.subject_id)
        with self._database.session() as session:
            return session.exec(select(SubjectRow.subject_id).where(key > after).order_by(key).limit(limit)).all()

    def held(self, subject_ids: Sequence[str]) -> list[str]:
        """Return the keys that belong to a stored subject, readable or not."""
        key, found = col(SubjectRow.subject_id), list[str]()
        with self._database.session() as session:
            for some in pieces(subject_ids):
                found += session.exec(select(SubjectRow.subject_id).where(key.in_(some)))
        return found

    def changed_since(self, version: int) -> list[str]:
        """Return the keys of subjects that were changed, added or deleted after that value of the change counter."""
        with self._database.session() as session:
            return changed_since(session, version)

    def version(self) -> int:
        """Return the change counter, which shows whether a state is outdated."""
        with self._database.session() as session:
            return current_version(session)

    def last_success_at(self, source: str = "") -> datetime | None:
        """Return when the watchlist was last brought up to date from `source` (empty: by hand); None when never."""
        with self._database.session() as session:
            return last_success_at(session, source)

    def sources_of(self, source: str) -> dict[str, datetime | None]:
        """Return when the list of `source` was last updated from each of its own sources, by `SOURCE: NAME`.

        None: never.
        """
        with self._database.session() as session:
            return sources_of(session, source)

    def note_sources_of(self, source: str, told: Mapping[str, datetime | None]) -> None:
        """Store these times, as `source` reports them now, by the names of its sources."""
        with self._database.session() as session:
            note_sources_of(session, source, told)
            session.commit()

    def mark_success(self, now: datetime, entry: AuditEntry | None = None) -> None:
        """Note that lists were imported by hand at `now` (aware), with the audit trail's `entry` on that."""
        with self._database.session() as session:
            note_success(session, "", now)
            if entry:
                write_audit(session, entry)
            session.commit()


def _delete(session: Session, subject_id: str, note: Callable[[SubjectDeletion], AuditEntry]) -> SubjectDeletion:
    """Remove a subject, and the synchronisation's state of its orders, which their source may add again."""
    gone = remove_subject(session, subject_id)
    # Rather than finding them unchanged.
    session.exec(delete(SyncOrderRow).where(col(SyncOrderRow.order_id).in_(gone.order_ids)))
    write_audit(session, note(gone))
    return gone
