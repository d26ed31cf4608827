"""What the messages of several services share."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.wire.bounds import MAX_WORD

KEY = re.compile(rf"[a-z0-9-]{{1,{MAX_WORD}}}")


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
