"""Reads the watchlist for followers, subject by subject in the order of their last changes.

Each subject has its present state, so a follower that was away for long misses nothing. A damaged row is left out, and
the subject's entry says so. Methods block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import and_, col, or_, select

from cekalwatch.contract.values.subjects import ReferenceFace
from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.domain.ports import Port
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.columns import LIST_IDENTITY, LIST_POSITION
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import checked
from cekalwatch.server.storage.models.store import is_template
from cekalwatch.server.storage.watchlist.changes import current_version
from cekalwatch.server.storage.watchlist.reading import read_files, readable
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.storage.watchlist.tables import (
    ReferenceFaceRow,
    ReferencePictureRow,
    SubjectRow,
    TemplateRow,
    WatchlistChangeRow,
)


@dataclass(frozen=True)
class ChangedSubject:
    """The present state of a changed subject."""

    version: int
    """The change counter as of its last change."""
    subject_id: str
    file: SubjectFile | None
    """None when it was deleted, or cannot be read."""
    held: bool


@dataclass(frozen=True)
class StoredReference:
    """A reference face with its pictures, and its template in one model version."""

    face: ReferenceFace
    photo: bytes
    face_jpeg: bytes
    template: bytes
    """Little-endian float32 numbers; empty when there is none of that model version, or it is damaged."""


class ListFeedStore:
    """The watchlist of one database, for ports."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._rows = WatchlistRows(keyring)

    @property
    def identity(self) -> str:
        """16 hexadecimal digits that no other list has; they stay the same in a list restored from a backup."""
        return self._rows.keyring.digest(LIST_IDENTITY.at("1"), b"")[:16]

    def proof(self, port: Port, position: str) -> str:
        """Return 32 hexadecimal digits, which identify a position that was given to that port."""
        return self._rows.keyring.digest(LIST_POSITION.at(port.site, port.name), position.encode())[:32]

    def version(self) -> int:
        """Return the change counter."""
        with self._database.session() as session:
            return current_version(session)

    def changed_after(self, version: int, subject_id: str, most: int) -> list[ChangedSubject]:
        """Return the first `most` subjects that changed after that subject did in `version`, of one state."""
        changed, key = col(WatchlistChangeRow.version), col(WatchlistChangeRow.subject_id)
        query = (
            select(WatchlistChangeRow)
            .where(or_(changed > version, and_(changed == version, key > subject_id)))
            .order_by(changed, key)
            .limit(most)
        )
        with self._database.one_state() as session:
            rows = session.exec(query).all()
            keys = [row.subject_id for row in rows]
            held = set(session.exec(select(SubjectRow.subject_id).where(col(SubjectRow.subject_id).in_(keys))))
            files = {file.subject.subject_id: file for file in read_files(session, self._rows, keys)}
            return [
                ChangedSubject(row.version, row.subject_id, files.get(row.subject_id), row.subject_id in held)
                for row in rows
            ]

    def reference(self, subject_id: str, reference_id: str, model_version: str) -> StoredReference | None:
        """Return a reference face of that subject; None when there is none, or it is damaged."""
        face, picture, template = ReferenceFaceRow, ReferencePictureRow, TemplateRow
        of_model = and_(
            col(template.reference_id) == col(face.reference_id), col(template.model_version) == model_version
        )
        query = (
            select(face, picture, template.vector)
            .join(picture)
            .join(template, of_model, isouter=True)
            .where(col(face.reference_id) == reference_id, col(face.subject_id) == subject_id)
        )

        def stored(row: tuple[ReferenceFaceRow, ReferencePictureRow, bytes | None]) -> StoredReference:
            return StoredReference(
                self._rows.reference(checked(session, row[0])),
                self._rows.photo(reference_id, row[1].photo),
                self._rows.face_jpeg(reference_id, row[1].face_jpeg),
                self._template(reference_id, model_version, subject_id, row[2]),
            )

        with self._database.session() as session:
            return next(readable(session.exec(query), stored, lambda _: reference_id), None)

    def _template(self, reference_id: str, model_version: str, subject_id: str, sealed: bytes | None) -> bytes:
        def opened(value: bytes) -> bytes:
            return self._rows.vector(reference_id, model_version, subject_id, value)

        found: Sequence[bytes] = [] if sealed is None else list(readable([sealed], opened, lambda _: reference_id))
        return next((one for one in found if is_template(one)), b"")
