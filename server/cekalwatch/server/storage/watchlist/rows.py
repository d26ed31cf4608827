"""Between the watchlist's rows and the domain. Reading a damaged row raises ValueError, KeyError or TypeError."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.orders import OrderGround, OrderKind, PersonStatus, RevocationGround
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace, Subject, TravelDocument
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.columns import (
    FACE_JPEG,
    ORDER_CONTENT,
    ORDER_FACTS,
    PHOTO,
    PHOTO_DIGEST,
    PHOTO_SHA256,
    SUBJECT_FACTS,
    SUBJECT_IDENTITY,
    TEMPLATE,
)
from cekalwatch.server.storage.watchlist.tables import (
    BanOrderRow,
    ReferenceFaceRow,
    ReferencePictureRow,
    SubjectRow,
    TemplateRow,
)

_CHOICES: Mapping[str, Callable[[str], StrEnum]] = MappingProxyType(
    {"ground": OrderGround, "person_status": PersonStatus, "revocation_ground": RevocationGround}
)
_SINCE_0_3 = (*_CHOICES, "revocation_reference")
"""Sealed facts that rows of older releases lack. Where they are empty, an order has the digest that it had before."""
SEALED_ORDER_FACTS = ("requesting_agency", "reason", "decree_number", *_SINCE_0_3)
"""What of an order says more than its keys, dates and kind."""

_ORDER_COLUMNS = tuple(field.name for field in fields(BanOrder) if field.name not in SEALED_ORDER_FACTS)
_DAYS = ("valid_from", "valid_until", "received_on")
_IF_ANY: Mapping[str, Callable[[str], date]] = MappingProxyType(
    {
        **dict.fromkeys(("decree_date", "urgent_since"), date.fromisoformat),
        **dict.fromkeys(("revoked_at", "withdrawn_at"), datetime.fromisoformat),
    }
)
"""Readers of columns that are empty without such a day or moment."""

DAMAGED = (ValueError, KeyError, TypeError)
"""What reading a damaged row raises."""


@dataclass(frozen=True)
class WatchlistRows:
    """Writes and reads rows, and seals personal values with the keys of `keyring`."""

    keyring: Keyring

    def content_hash(self, subject: Subject, order: BanOrder) -> str:
        """Return the keyed digest of everything that a record states."""
        stated = asdict(order) | {"revoked_at": utc_text(order.revoked_at)}
        for name in ("withdrawn_at", "urgent_since", *(name for name in _SINCE_0_3 if not stated[name])):
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
        """Write a subject."""
        facts = asdict(subject)
        del facts["subject_id"]
        associated_data = SUBJECT_FACTS.at(subject.subject_id)
        return SubjectRow(subject_id=subject.subject_id, facts=self.keyring.seal(associated_data, _json(facts)))

    def subject(self, row: SubjectRow) -> Subject:
        """Read a subject."""
        facts = json.loads(self.keyring.open(SUBJECT_FACTS.at(row.subject_id), row.facts))
        return Subject(
            **facts
            | {
                "subject_id": row.subject_id,
                "aliases": tuple(facts["aliases"]),
                "travel_documents": tuple(TravelDocument(**document) for document in facts["travel_documents"]),
            }
        )

    def order_row(self, order: BanOrder, content: str) -> BanOrderRow:
        """Write an order with the digest of its content."""
        facts = asdict(order)
        sealed = {name: facts.pop(name) for name in SEALED_ORDER_FACTS}
        columns: dict[str, Any] = {name: _column(value) for name, value in facts.items()}
        return BanOrderRow(
            **columns,
            facts=self.keyring.seal(ORDER_FACTS.at(order.order_id), _json(sealed)),
            content_hash=content,
        )

    def order(self, row: BanOrderRow) -> BanOrder:
        """Read an order."""
        facts: dict[str, Any] = {name: getattr(row, name) for name in _ORDER_COLUMNS}
        for name in _DAYS:
            facts[name] = date.fromisoformat(facts[name])
        for name, read in _IF_ANY.items():
            facts[name] = read(facts[name]) if facts[name] else None
        sealed = json.loads(self.keyring.open(ORDER_FACTS.at(row.order_id), row.facts))
        for name, member in _CHOICES.items():
            sealed[name] = member(sealed[name]) if sealed.get(name) else None
        return BanOrder(**facts | {"kind": OrderKind(row.kind)} | sealed)

    def agency(self, order_id: str, facts: bytes) -> str:
        """Read who asked for an order, from its sealed facts."""
        return str(json.loads(self.keyring.open(ORDER_FACTS.at(order_id), facts))["requesting_agency"])

    def reference_row(self, reference: ReferenceFace) -> ReferenceFaceRow:
        """Write a reference face, without its pictures."""
        key, digest = reference.reference_id, reference.photo_sha256
        return ReferenceFaceRow(
            reference_id=key,
            subject_id=reference.subject_id,
            photo_digest=self.photo_digest(reference.subject_id, digest),
            photo_sha256=self.keyring.seal(PHOTO_SHA256.at(key), digest.encode()),
            figures=json.dumps(asdict(reference.figures)),
            warnings=json.dumps(reference.warnings),
        )

    def reference(self, row: ReferenceFaceRow) -> ReferenceFace:
        """Read a reference face, without its pictures."""
        return ReferenceFace(
            reference_id=row.reference_id,
            subject_id=row.subject_id,
            photo_sha256=self.keyring.open(PHOTO_SHA256.at(row.reference_id), row.photo_sha256).decode(),
            figures=_figures(json.loads(row.figures)),
            warnings=tuple(map(str, json.loads(row.warnings))),
        )

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


def _figures(stored: dict[str, float]) -> FaceFigures:
    measured = {name: float(value) for name, value in stored.items()}
    return FaceFigures(**measured | {"faces": int(stored["faces"])})  # type: ignore[arg-type]  # named as they are stored


def _column(value: object) -> object:
    """Return a fact as its column holds it."""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else value


def utc_text(moment: datetime | None) -> str:
    """Write a moment in one form: sources may state the same one with different offsets."""
    return moment.astimezone(UTC).isoformat() if moment else ""


def _json(facts: object) -> bytes:
    """Write facts in one form, so that equal facts have equal digests."""
    return json.dumps(facts, sort_keys=True, default=str, ensure_ascii=False).encode()
