"""Reads and writes the messages about travellers without a usable face."""

from __future__ import annotations

from cekalwatch.contract.codec.converters import known_or, seconds_up_to
from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.values.unusable_faces import UnusableNotice, UnusablePassage, UnusableReason
from cekalwatch.v1 import unusable_face_pb2

MAX_PASSAGE_S = 3600.0

_REASON = known_or(bound_enum(UnusableReason, unusable_face_pb2.UnusableReason.DESCRIPTOR), UnusableReason.UNSPECIFIED)
UNUSABLE_PASSAGE = Codec(
    UnusablePassage,
    unusable_face_pb2.UnusablePassage,
    names={"last_seen_at": "last_seen_time", "duration_s": "duration"},
    special={"reason": _REASON, "duration_s": seconds_up_to(MAX_PASSAGE_S)},
)
UNUSABLE_NOTICE = Codec(
    UnusableNotice,
    unusable_face_pb2.UnusableNotice,
    names={"last_seen_at": "last_seen_time"},
    special={"reason": _REASON},
)
