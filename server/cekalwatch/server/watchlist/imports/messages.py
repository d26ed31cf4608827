"""Reads subjects, orders and figures of faces from the contract's messages: of an import, and of a centre's list."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

from cekalwatch.contract.codec.watchlist import ORDER_KINDS
from cekalwatch.contract.values.subjects import FaceFigures, Subject
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.watchlist.imports.records import RecordError, build_order, build_subject
from cekalwatch.v1 import watchlist_pb2

SUBJECT_FIELDS = tuple(field.name for field in fields(Subject))
ORDER_FIELDS = tuple(
    field.name for field in fields(BanOrder) if field.name not in {"kind", "revoked_at", "withdrawn_at", "urgent_since"}
)
"""Those that have the same name and meaning in the message; days are written as YYYY-MM-DD."""
FIGURES = tuple(field.name for field in fields(FaceFigures) if field.name != "eye_distance_px")


def read_subject(message: watchlist_pb2.Subject) -> Subject:
    """Read a subject; raises RecordError."""
    documents = [(paper.type, paper.number, paper.issuing_country) for paper in message.travel_documents]
    facts = {name: getattr(message, name) for name in SUBJECT_FIELDS}
    return build_subject(**facts | {"travel_documents": documents})


def read_order(message: watchlist_pb2.BanOrder) -> BanOrder:
    """Read an order as its source states it; raises RecordError."""
    return build_order(
        **{name: getattr(message, name) for name in ORDER_FIELDS},
        kind=ORDER_KINDS.member(message.kind) or "",
        revoked_at=_revoked_at(message),
    )


def read_figures(eye_distance_px: float, message: watchlist_pb2.FaceFigures) -> FaceFigures:
    """Read what was measured of a face."""
    return FaceFigures(eye_distance_px, **{name: getattr(message, name) for name in FIGURES})


def _revoked_at(message: watchlist_pb2.BanOrder) -> datetime | None:
    if not message.HasField("revoked_time"):
        return None
    try:
        return message.revoked_time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise RecordError("revoked_at") from None
