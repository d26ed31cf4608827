"""Subjects, orders and figures of faces as messages, for the server's answers and for an import that is sent to it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.subjects import FaceFigures, Subject
from cekalwatch.server.grpc_api.convert.common import timestamp
from cekalwatch.server.watchlist.imports.messages import FIGURES, ORDER_FIELDS, ORDER_KINDS
from cekalwatch.v1 import watchlist_pb2

ORDER_STATUSES = ProtoEnum(watchlist_pb2.OrderStatus, "ORDER_STATUS", OrderStatus)
IMPORT_OUTCOMES = ProtoEnum(watchlist_pb2.ImportOutcome, "IMPORT_OUTCOME", ImportOutcome)
PHOTO_OUTCOMES = ProtoEnum(watchlist_pb2.PhotoOutcome, "PHOTO_OUTCOME", PhotoOutcome)


def subject_message(subject: Subject) -> watchlist_pb2.Subject:
    """Write a subject."""
    documents = [watchlist_pb2.TravelDocument(**asdict(document)) for document in subject.travel_documents]
    return watchlist_pb2.Subject(**asdict(subject) | {"travel_documents": documents})


def order_facts_message(order: BanOrder) -> watchlist_pb2.BanOrder:
    """Write an order as its source states it, without its status."""
    facts = {name: getattr(order, name) for name in ORDER_FIELDS}
    days = {name: value.isoformat() for name, value in facts.items() if isinstance(value, date)}
    return watchlist_pb2.BanOrder(
        **facts | days,
        kind=ORDER_KINDS.number(order.kind),
        revoked_time=timestamp(order.revoked_at) if order.revoked_at else None,
        withdrawn_time=timestamp(order.withdrawn_at) if order.withdrawn_at else None,
    )


def face_figures_message(figures: FaceFigures) -> watchlist_pb2.FaceFigures:
    """Write what was measured of a face, except its eye distance, which is in the message around it."""
    return watchlist_pb2.FaceFigures(**{name: getattr(figures, name) for name in FIGURES})
