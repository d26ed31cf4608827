"""Reads and writes subjects, orders, reference faces, look-alikes and the age of the list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, TypeVar

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.orders import (
    OrderGround,
    OrderKind,
    OrderStatus,
    PersonStatus,
    RevocationGround,
    ShownOrder,
)
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace, Subject
from cekalwatch.contract.values.watchlist import Freshness, LookalikeJudgement, SourceFreshness
from cekalwatch.v1 import watchlist_pb2 as pb

_MOMENTS = {"revoked_at": "revoked_time", "withdrawn_at": "withdrawn_time"}
SUBJECT = Codec(Subject, pb.Subject)
ORDER = Codec(ShownOrder, pb.BanOrder, names=_MOMENTS)
OFFICERS_SUBJECT = Codec(Subject, pb.Subject, unheeded=("address", "occupation"))
"""As officers get it with an alert: their program holds no more of a person than its screens show."""
OFFICERS_ORDER = Codec(
    ShownOrder,
    pb.BanOrder,
    names=_MOMENTS,
    unheeded=("reason", "received_on", "broken_rules", "article"),
)
FIGURES = Codec(FaceFigures, pb.FaceFigures, local=("eye_distance_px",))
SOURCE_FRESHNESS = Codec(SourceFreshness, pb.SourceFreshness, names={"last_success_at": "last_success_time"})
FRESHNESS = Codec(
    Freshness,
    pb.WatchlistFreshness,
    names={"last_success_at": "last_success_time"},
    parts=(SOURCE_FRESHNESS,),
    local=("as_of",),
)
LOOKALIKE_JUDGEMENTS = bound_enum(LookalikeJudgement, pb.LookAlikeJudgement.DESCRIPTOR)
ORDER_KINDS = bound_enum(OrderKind, pb.OrderKind.DESCRIPTOR)
ORDER_GROUNDS = bound_enum(OrderGround, pb.OrderGround.DESCRIPTOR)
PERSON_STATUSES = bound_enum(PersonStatus, pb.PersonStatus.DESCRIPTOR)
REVOCATION_GROUNDS = bound_enum(RevocationGround, pb.RevocationGround.DESCRIPTOR)
ORDER_STATUSES = bound_enum(OrderStatus, pb.OrderStatus.DESCRIPTOR)


class _Measured(Protocol):
    @property
    def figures(self) -> FaceFigures | None: ...


V = TypeVar("V", bound=_Measured)


class MeasuredCodec(Codec[V, Any]):
    """For a message with the eye distance of a face outside its other measurements."""

    def read(self, message: Any, reading: Reading = Reading.LENIENT) -> V:  # noqa: ANN401  # one of two messages
        """Return the value of a message."""
        found = super().read(message, reading)
        if found.figures is None:
            return found
        return replace(found, figures=replace(found.figures, eye_distance_px=message.eye_distance_px))  # type: ignore[type-var]

    def write(self, value: V) -> Any:  # noqa: ANN401  # as above
        """Return the message of a value."""
        message = super().write(value)
        message.eye_distance_px = value.figures.eye_distance_px if value.figures else 0
        return message


REFERENCE_FACE = MeasuredCodec(
    ReferenceFace, pb.ReferenceFace, parts=(FIGURES,), unread=("eye_distance_px",), local=("subject_id",)
)
