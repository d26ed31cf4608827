"""Subjects, orders and figures of faces as messages, for the server's answers and for an import that is sent to it."""

from __future__ import annotations

from cekalwatch.server.domain.orders import BanOrder
from cekalwatch.server.domain.subjects import FaceFigures, Subject
from cekalwatch.server.grpc_api.convert.common import timestamp
from cekalwatch.v1 import watchlist_pb2
from cekalwatch.wire.vocabulary.orders import OrderKind
from cekalwatch.wire.vocabulary.proto_enums import ProtoEnum

ORDER_KINDS = ProtoEnum(watchlist_pb2.OrderKind, "ORDER_KIND", OrderKind)


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
        kind=ORDER_KINDS.number(order.kind),
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


def face_figures_message(figures: FaceFigures) -> watchlist_pb2.FaceFigures:
    """Write what was measured of a face, beside its eye distance, which stands in the message around it."""
    return watchlist_pb2.FaceFigures(
        yaw_degrees=figures.yaw_degrees,
        pitch_degrees=figures.pitch_degrees,
        sharpness=figures.sharpness,
        brightness=figures.brightness,
        detector_score=figures.detector_score,
        faces=figures.faces,
    )


def face_figures(eye_distance_px: float, message: watchlist_pb2.FaceFigures) -> FaceFigures:
    """Read what was measured of a face."""
    return FaceFigures(
        eye_distance_px=eye_distance_px,
        yaw_degrees=message.yaw_degrees,
        pitch_degrees=message.pitch_degrees,
        sharpness=message.sharpness,
        brightness=message.brightness,
        detector_score=message.detector_score,
        faces=message.faces,
    )
