"""Subjects and orders as messages, for the server's answers and for an import that is sent to it."""

from __future__ import annotations

from cekalwatch.server.domain.orders import BanOrder
from cekalwatch.server.domain.subjects import Subject
from cekalwatch.server.grpc_api.convert.common import timestamp
from cekalwatch.v1 import watchlist_pb2


def subject_message(subject: Subject) -> watchlist_pb2.Subject:
    """Write a subject."""
    return watchlist_pb2.Subject(
        subject_id=subject.subject_id,
        name=subject.name,
        aliases=subject.aliases,
        sex=subject.sex,
        place_of_birth=subject.place_of_birth,
        date_of_birth=subject.date_of_birth,
        nationality=subject.nationality,
        nik=subject.nik,
        travel_documents=[
            watchlist_pb2.TravelDocument(
                type=document.type, number=document.number, issuing_country=document.issuing_country
            )
            for document in subject.travel_documents
        ],
        address=subject.address,
        occupation=subject.occupation,
    )


def order_facts_message(order: BanOrder) -> watchlist_pb2.BanOrder:
    """Write an order as its source states it, without status."""
    return watchlist_pb2.BanOrder(
        order_id=order.order_id,
        subject_id=order.subject_id,
        kind=watchlist_pb2.OrderKind.Value(f"ORDER_KIND_{order.kind}"),
        decree_number=order.decree_number,
        decree_date=order.decree_date.isoformat() if order.decree_date else "",
        requesting_agency=order.requesting_agency,
        reason=order.reason,
        valid_from=order.valid_from.isoformat(),
        valid_until=order.valid_until.isoformat(),
        urgent=order.urgent,
        received_on=order.received_on.isoformat(),
        extends_order_id=order.extends_order_id,
        revoked_time=timestamp(order.revoked_at) if order.revoked_at else None,
        withdrawn_time=timestamp(order.withdrawn_at) if order.withdrawn_at else None,
    )
