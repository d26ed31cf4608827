"""Between the watchlist's rows and the domain. Reading a damaged row raises ValueError, KeyError or TypeError."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.subjects import ReferenceFace, Subject
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.columns import (
    FACE_JPEG,
    ORDER_CONTENT,
    ORDER_FACTS,
    PHOTO,
    PHOTO_DIGEST,
    SUBJECT_IDENTITY,
    TEMPLATE,
)
from cekalwatch.server.storage.row_codec import RowCodec, utc_text
from cekalwatch.server.storage.watchlist.tables import (
    BanOrderRow,
    ReferenceFaceRow,
    ReferencePictureRow,
    SubjectRow,
    TemplateRow,
)

_SUBJECTS = RowCodec(Subject, SubjectRow)
_ORDERS = RowCodec(BanOrder, BanOrderRow)
_REFERENCES = RowCodec(ReferenceFace, ReferenceFaceRow, given={"also_under", "jpeg"})

_SINCE_0_3 = ("ground", "person_status", "revocation_ground", "revocation_reference")
"""Sealed facts that rows of older releases lack. Where they are empty, an order has the digest that it had before."""

DAMAGED = (ValueError, KeyError, TypeError)
"""What reading a damaged row raises."""


@dataclass(frozen=True)
class WatchlistRows:
    """Writes and reads rows, and seals personal values with the keys of `keyring`."""

    keyring: Keyring

    def content_hash(self, subject: Subject, order: BanOrder) -> str:
        """Return the keyed digest of everything that a record states."""
        stated = asdict(order) | {"revoked_at": utc_text(order.revoked_at)}
        for name in ("withdrawn_at", "urgent_since", "stored_on", *(name for name in _SINCE_0_3 if not stated[name])):
            del stated[name]
        return self.keyring.digest(ORDER_CONTENT.at(order.order_id), _json([asdict(subject), stated]))

    def photo_digest(self, subject_id: str, photo_sha256: str) -> str:
        """Return the keyed digest by which the subject's photograph is found."""
        return self.keyring.digest(PHOTO_DIGEST.at(subject_id), photo_sha256.encode())

    def identity_digests(self, subject: Subject) -> frozenset[str]:
        """Return the keyed digests by which subjects are found that share a number with this one."""
        return frozenset(
            self.keyring.digest(SUBJECT_IDENTITY.at(one.type, one.number, one.issuing_country), b"")
            for one in subject.identities
        )

    def subject_row(self, subject: Subject) -> SubjectRow:
        return _SUBJECTS.write(subject, self.keyring)

    def subject(self, row: SubjectRow) -> Subject:
        return _SUBJECTS.read(row, self.keyring)

    def order_row(self, order: BanOrder, content: str) -> BanOrderRow:
        """Write an order with the digest of its content."""
        return _ORDERS.write(order, self.keyring, content_hash=content)

    def order(self, row: BanOrderRow) -> BanOrder:
        return _ORDERS.read(row, self.keyring)

    def agency(self, order_id: str, facts: bytes) -> str:
        """Read who asked for an order, from its sealed facts."""
        return str(json.loads(self.keyring.open(ORDER_FACTS.at(order_id), facts))["requesting_agency"])

    def reference_row(self, reference: ReferenceFace) -> ReferenceFaceRow:
        """Write a reference face, without its pictures."""
        digest = self.photo_digest(reference.subject_id, reference.photo_sha256)
        return _REFERENCES.write(reference, self.keyring, photo_digest=digest)

    def reference(self, row: ReferenceFaceRow) -> ReferenceFace:
        """Read a reference face, without its pictures."""
        return _REFERENCES.read(row, self.keyring)

    def picture_row(self, reference_id: str, photo: bytes, face_jpeg: bytes) -> ReferencePictureRow:
        """Write a reference face's pictures."""
        return ReferencePictureRow(
            reference_id=reference_id,
            photo=self.keyring.seal(PHOTO.at(reference_id), photo),
            face_jpeg=self.keyring.seal(FACE_JPEG.at(reference_id), face_jpeg),
        )

    def photo(self, reference_id: str, sealed: bytes) -> bytes:
        """Read the original photograph."""
        return self.keyring.open(PHOTO.at(reference_id), sealed)

    def face_jpeg(self, reference_id: str, sealed: bytes) -> bytes:
        """Read the picture of the face."""
        return self.keyring.open(FACE_JPEG.at(reference_id), sealed)

    def template_row(
        self, reference_id: str, model_version: str, subject_id: str, template: NDArray[np.float32]
    ) -> TemplateRow:
        """Write a template, shape (size,), of a reference face of that subject."""
        vector = np.ascontiguousarray(template, dtype="<f4").tobytes()
        sealed = self.keyring.seal(TEMPLATE.at(reference_id, model_version, subject_id), vector)
        return TemplateRow(reference_id=reference_id, model_version=model_version, subject_id=subject_id, vector=sealed)

    def vector(self, reference_id: str, model_version: str, subject_id: str, sealed: bytes) -> bytes:
        """Read a template's numbers, little-endian float32."""
        return self.keyring.open(TEMPLATE.at(reference_id, model_version, subject_id), sealed)


def _json(facts: object) -> bytes:
    """Write facts in one form, so that equal facts have equal digests."""
    return json.dumps(facts, sort_keys=True, default=str, ensure_ascii=False).encode()
