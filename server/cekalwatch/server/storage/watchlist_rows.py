"""Between the watchlist's rows and the domain. Reading a damaged row raises ValueError, KeyError or TypeError."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from cekalwatch.server.domain.orders import BanOrder, OrderKind
from cekalwatch.server.domain.subjects import ReferenceFace, Subject, TravelDocument
from cekalwatch.server.storage.watchlist_tables import BanOrderRow, ReferenceFaceRow, SubjectRow

DAMAGED = (ValueError, KeyError, TypeError)
"""What reading a damaged row raises."""


def content_hash(subject: Subject, order: BanOrder) -> str:
    """Return the SHA-256, hexadecimal, of everything that a record states."""
    facts = json.dumps(
        [asdict(subject), asdict(order) | {"revoked_at": _utc(order.revoked_at)}],
        sort_keys=True,
        default=str,
        ensure_ascii=False,
    )
    return hashlib.sha256(facts.encode()).hexdigest()


def subject_row(subject: Subject) -> SubjectRow:
    """Write a subject."""
    facts = asdict(subject) | {
        "aliases": _json(subject.aliases),
        "travel_documents": _json(
            [[document.type, document.number, document.issuing_country] for document in subject.travel_documents]
        ),
    }
    return SubjectRow(**facts)


def subject(row: SubjectRow) -> Subject:
    """Read a subject."""
    return Subject(
        subject_id=row.subject_id,
        name=row.name,
        aliases=_texts(row.aliases),
        sex=row.sex,
        place_of_birth=row.place_of_birth,
        date_of_birth=row.date_of_birth,
        nationality=row.nationality,
        nik=row.nik,
        travel_documents=tuple(TravelDocument(*map(str, document)) for document in json.loads(row.travel_documents)),
        address=row.address,
        occupation=row.occupation,
    )


def order_row(order: BanOrder, content: str) -> BanOrderRow:
    """Write an order with the hash of its content."""
    return BanOrderRow(
        order_id=order.order_id,
        subject_id=order.subject_id,
        kind=order.kind,
        requesting_agency=order.requesting_agency,
        valid_from=order.valid_from.isoformat(),
        valid_until=order.valid_until.isoformat(),
        received_on=order.received_on.isoformat(),
        reason=order.reason,
        decree_number=order.decree_number,
        decree_date=order.decree_date.isoformat() if order.decree_date else "",
        urgent=order.urgent,
        extends_order_id=order.extends_order_id,
        revoked_at=_utc(order.revoked_at),
        content_hash=content,
    )


def order(row: BanOrderRow) -> BanOrder:
    """Read an order."""
    return BanOrder(
        order_id=row.order_id,
        subject_id=row.subject_id,
        kind=OrderKind(row.kind),
        requesting_agency=row.requesting_agency,
        valid_from=date.fromisoformat(row.valid_from),
        valid_until=date.fromisoformat(row.valid_until),
        received_on=date.fromisoformat(row.received_on),
        reason=row.reason,
        decree_number=row.decree_number,
        decree_date=date.fromisoformat(row.decree_date) if row.decree_date else None,
        urgent=row.urgent,
        extends_order_id=row.extends_order_id,
        revoked_at=datetime.fromisoformat(row.revoked_at) if row.revoked_at else None,
    )


def reference(row: ReferenceFaceRow) -> ReferenceFace:
    """Read a reference face, without its pictures."""
    return ReferenceFace(
        reference_id=row.reference_id,
        subject_id=row.subject_id,
        photo_sha256=row.photo_sha256,
        eye_distance_px=float(row.eye_distance_px),
        warnings=_texts(row.warnings),
    )


def _utc(moment: datetime | None) -> str:
    """Write a moment in one form: sources may state the same one with different offsets."""
    return moment.astimezone(UTC).isoformat() if moment else ""


def _json(values: Any) -> str:  # noqa: ANN401  # whatever JSON can hold
    return json.dumps(values, ensure_ascii=False)


def _texts(value: str) -> tuple[str, ...]:
    return tuple(map(str, json.loads(value)))
