"""Reads and writes subjects as list managers see them, and their look-alikes."""

from __future__ import annotations

from cekalwatch.contract.codec.watchlist import ORDER, REFERENCE_FACE, SUBJECT
from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.enums import ProtoEnum
from cekalwatch.contract.values.watchlist import (
    AmendmentReason,
    ListedSubject,
    Lookalike,
    LookalikePage,
    LookalikePair,
    OrderKeeping,
    OrderStatusChange,
    SubjectEvent,
    SubjectTimeline,
    WatchlistFilter,
)
from cekalwatch.v1 import watchlist_service_pb2 as pb

WATCHLIST_FILTER = Codec(WatchlistFilter, pb.SubjectFilter, local=("name", "subject_id"))
LOOKALIKE = Codec(Lookalike, pb.LookAlike, names={"judged_at": "judged_time"})
LOOKALIKE_PAIR = Codec(LookalikePair, pb.LookAlikePair, names={"lookalike": "look_alike"}, parts=(SUBJECT, LOOKALIKE))
LOOKALIKE_PAGE = Codec(LookalikePage, pb.ListLookAlikesResponse, parts=(LOOKALIKE_PAIR,))
KEEPING = Codec(OrderKeeping, pb.OrderKeeping)
AMENDMENT_REASONS = ProtoEnum(pb.AmendmentReason, "AMENDMENT_REASON", AmendmentReason)
LISTED_SUBJECT = Codec(
    ListedSubject,
    pb.SubjectEntry,
    names={"lookalikes": "look_alikes"},
    parts=(SUBJECT, ORDER, REFERENCE_FACE, LOOKALIKE, KEEPING),
)
SUBJECT_EVENT = Codec(SubjectEvent, pb.SubjectEvent, names={"at": "event_time"})
STATUS_CHANGE = Codec(OrderStatusChange, pb.OrderStatusChange, names={"at": "change_time"})
SUBJECT_TIMELINE = Codec(SubjectTimeline, pb.GetSubjectHistoryResponse, parts=(SUBJECT_EVENT, STATUS_CHANGE))
