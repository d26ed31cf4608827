"""Keeps the watchlist. Each method is one transaction; domain values go in and come out.

Methods block: call them from a worker thread. A damaged row is left out, counted and logged by its key; the rest works.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import uuid6
from numpy.typing import NDArray
from sqlmodel import Session, col, select, update

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.orders import BanOrder
from cekalwatch.server.domain.subjects import ReferenceFace, Subject
from cekalwatch.server.security.audit import AuditEntry
from cekalwatch.server.storage import watchlist_rows as rows
from cekalwatch.server.storage.audit_store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist_reading import (
    RAW_VECTOR,
    RowReader,
    SubjectFile,
    WatchlistSnapshot,
    is_template,
    read_files,
    read_snapshot,
)
from cekalwatch.server.storage.watchlist_tables import (
    BanOrderRow,
    ReferenceFaceRow,
    ReferencePictureRow,
    SubjectRow,
    TemplateRow,
    WatchlistStateRow,
)

__all__ = ["NewReference", "Stored", "SubjectFile", "WatchlistSnapshot", "WatchlistStore"]


class Stored(StrEnum):
    """What storing an order did."""

    STORED = "STORED"
    UNCHANGED = "UNCHANGED"


@dataclass(frozen=True, eq=False)
class NewReference:
    """A photograph to keep, with its face and its template in one model version."""

    photo: bytes
    face_jpeg: bytes
    eye_distance_px: float
    warnings: tuple[str, ...]
    model_version: str
    template: NDArray[np.float32]
    """Shape (size,), length 1."""

    @property
    def photo_sha256(self) -> str:
        """SHA-256 of the photograph as it came, hexadecimal."""
        return hashlib.sha256(self.photo).hexdigest()


class WatchlistStore:
    """The watchlist in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self,
        subject: Subject,
        order: BanOrder,
        references: Sequence[NewReference] = (),
        note: Callable[[Stored], AuditEntry] | None = None,
    ) -> Stored:
        """Store an order with its subject and new reference faces, all or nothing.

        An order whose record is held with the same content, undamaged, is UNCHANGED, and its subject stays as it is;
        references are added all the same. When something is written, what `note` makes of the outcome is committed with
        it, for the audit trail.
        """
        with self._database.session() as session:
            # Takes the write lock before anything is read, so that two imports cannot cross.
            session.exec(update(WatchlistStateRow).values(version=WatchlistStateRow.version))
            content = rows.content_hash(subject, order)
            outcome = Stored.UNCHANGED if _holds(session, order, content) else Stored.STORED
            if outcome is Stored.STORED:
                session.merge(rows.subject_row(subject))
                session.flush()
                session.merge(rows.order_row(order, content))
            for reference in references:
                _add_reference(session, subject.subject_id, reference)
            if outcome is Stored.STORED or references:
                session.exec(update(WatchlistStateRow).values(version=col(WatchlistStateRow.version) + 1))
                if note:
                    session.flush()
                    write_audit(session, note(outcome))
                session.commit()
            return outcome

    def enrolled(self, subject_id: str, model_version: str) -> dict[str, ReferenceFace]:
        """Return the subject's reference faces with a sound template in that model version, by the photo's SHA-256."""
        query = (
            select(ReferenceFaceRow, RAW_VECTOR)
            .join(TemplateRow)
            .where(col(ReferenceFaceRow.subject_id) == subject_id, col(TemplateRow.model_version) == model_version)
        )
        with self._database.session() as session:
            sound = [row for row, vector in session.exec(query) if is_template(vector)]
            return {face.photo_sha256: face for face in RowReader().read(sound, rows.reference, "reference_id")}

    def get_subject(self, subject_id: str) -> SubjectFile:
        """Return a subject with orders and reference faces; raises SUBJECT_NOT_FOUND."""
        with self._database.session() as session:
            found = read_files(session, [subject_id])
        if not found:
            raise CekalwatchError(Code.SUBJECT_NOT_FOUND)
        return found[0]

    def list_subjects(self, after: str, limit: int) -> list[SubjectFile]:
        """Return the first `limit` subjects with a key beyond `after`, by key; damaged ones are left out."""
        query = select(SubjectRow.subject_id).where(col(SubjectRow.subject_id) > after)
        with self._database.session() as session:
            keys = session.exec(query.order_by(col(SubjectRow.subject_id)).limit(limit)).all()
            return read_files(session, keys)

    def face_jpeg(self, reference_id: str) -> bytes:
        """Return the picture of a reference face; empty when there is no such reference."""
        with self._database.session() as session:
            query = select(ReferencePictureRow.face_jpeg).where(col(ReferencePictureRow.reference_id) == reference_id)
            return session.exec(query).first() or b""

    def snapshot(self, model_version: str, size: int) -> WatchlistSnapshot:
        """Return what recognition needs, with the templates of `model_version`, which have `size` numbers."""
        with self._database.session() as session:
            return read_snapshot(session, model_version, size)

    def version(self) -> int:
        """Return the change counter, so that whoever holds a snapshot sees that it is old."""
        with self._database.session() as session:
            return session.exec(select(WatchlistStateRow.version)).one()

    def last_success_at(self) -> datetime | None:
        """Return when the watchlist was last brought up to date; None when never."""
        with self._database.session() as session:
            return session.exec(select(WatchlistStateRow.last_success_at)).one()

    def mark_success(self, now: datetime, entry: AuditEntry | None = None) -> None:
        """Note that the watchlist was brought up to date at `now` (aware), with the audit trail's `entry` on that."""
        with self._database.session() as session:
            session.exec(update(WatchlistStateRow).values(last_success_at=now))
            if entry:
                write_audit(session, entry)
            session.commit()


def _holds(session: Session, order: BanOrder, content: str) -> bool:
    """Whether the record with that content hash is held, and can be read."""
    held = session.get(BanOrderRow, order.order_id)
    about = session.get(SubjectRow, order.subject_id)
    if held is None or about is None or held.content_hash != content:
        return False
    try:
        rows.subject(about)
        return rows.order(held) == order
    except rows.DAMAGED:
        return False


def _add_reference(session: Session, subject_id: str, new: NewReference) -> None:
    query = select(ReferenceFaceRow.reference_id).where(
        col(ReferenceFaceRow.subject_id) == subject_id, col(ReferenceFaceRow.photo_sha256) == new.photo_sha256
    )
    reference_id = session.exec(query).first() or str(uuid6.uuid7())
    session.merge(
        ReferenceFaceRow(
            reference_id=reference_id,
            subject_id=subject_id,
            photo_sha256=new.photo_sha256,
            eye_distance_px=new.eye_distance_px,
            warnings=json.dumps(new.warnings),
        )
    )
    session.flush()
    session.merge(ReferencePictureRow(reference_id=reference_id, photo=new.photo, face_jpeg=new.face_jpeg))
    vector = np.ascontiguousarray(new.template, dtype="<f4").tobytes()
    session.merge(TemplateRow(reference_id=reference_id, model_version=new.model_version, vector=vector))
