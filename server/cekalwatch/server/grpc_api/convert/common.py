"""What the messages of several services share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.values.orders import Direction
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.v1 import camera_pb2
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES, MAX_PAGE, MAX_WORD

KEY = re.compile(rf"[a-z0-9-]{{1,{MAX_WORD}}}")
ANSWER_FRAME_BYTES = 1024
"""Room for what an answer holds beside its list."""
FIELD_FRAME_BYTES = 8
M = TypeVar("M", bound=Message)

DIRECTIONS = ProtoEnum(camera_pb2.Direction, "DIRECTION", Direction)


def text(value: str, field: str, most: int = MAX_WORD) -> str:
    """Read a short text for the log; raises ARGUMENT_INVALID when it is long or has control characters."""
    if len(value) > most or not value.isprintable():
        raise CekalwatchError(Code.ARGUMENT_INVALID, field)
    return value


def uuid(value: str) -> UUID | None:
    """Read a UUID in lower case with hyphens; None for anything else, also for other forms that `UUID` accepts."""
    try:
        found = UUID(value)
    except ValueError:
        return None
    return found if str(found) == value else None


def page_size(value: int, *, default: int) -> int:
    """Read a page size, 0 meaning `default`; raises ARGUMENT_INVALID beyond 100."""
    if value > MAX_PAGE:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "page_size")
    return value or default


def page(messages: Iterable[M], count: int, limit: int) -> tuple[list[M], bool]:
    """Return the first of `count` messages that fit into an answer, and whether the next page may have more."""
    found = fitting(messages)
    return found, count == limit or len(found) < count


def fitting(messages: Iterable[M], room: int = MAX_MESSAGE_BYTES - ANSWER_FRAME_BYTES) -> list[M]:
    """Return the first of the messages that fit into `room` bytes of an answer, at least one if there is any."""
    found: list[M] = []
    for message in messages:
        room -= message.ByteSize() + FIELD_FRAME_BYTES
        if found and room < 0:
            break
        found.append(message)
    return found


def timestamp(moment: datetime) -> Timestamp:
    """Write an aware moment."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def duration(seconds: float) -> Duration:
    """Write a duration."""
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message


def camera_message(camera: Camera) -> camera_pb2.Camera:
    """Write a camera."""
    return camera_pb2.Camera(
        camera_id=camera.camera_id,
        site=camera.site,
        counter=camera.counter,
        direction=DIRECTIONS.number(camera.direction),
    )
