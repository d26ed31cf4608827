"""Reads and writes the content of single fields: texts, moments, durations, keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.contract.engine.safe_text import safe_text


class Reading(Enum):
    """How a message is read."""

    STRICT = auto()
    """What breaks a bound is refused: what clients ask of a server."""
    LENIENT = auto()
    """For answers of servers: unsafe text is cleaned, and content that only a newer peer knows is None."""


class Refused(ValueError):  # noqa: N818  # it is what was done with the message
    """A field is out of its bounds, or holds nothing of its kind."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field
        """As the message calls it."""


def text(content: str, reading: Reading, strictly: int, cleaned: int) -> str:
    """Read a text on one line; raises ValueError, strict, beyond `strictly` characters or with control characters."""
    if reading is Reading.LENIENT:
        return safe_text(content, cleaned)
    if len(content) > strictly or not content.isprintable():
        raise ValueError("a text that is too long, or not printable")
    return content


def key(content: str, reading: Reading, strictly: int, cleaned: int) -> str:
    """Read a key: unchanged if it is printable and not too long, else as `text`."""
    if len(content) <= strictly and content.isprintable():
        return content
    return text(content, reading, strictly, cleaned)


def read_uuid(content: str) -> UUID:
    """Read a UUID in lower case with hyphens; raises ValueError for anything else, also other forms of a UUID."""
    found = UUID(content)
    if str(found) != content:
        raise ValueError(content)
    return found


def moment(message: Timestamp) -> datetime:
    """Read a moment, in UTC; raises ValueError or OverflowError for an invalid one."""
    return message.ToDatetime(UTC)


def timestamp(value: datetime) -> Timestamp:
    """Write an aware moment."""
    message = Timestamp()
    message.FromDatetime(value)
    return message


def span(message: Duration) -> timedelta:
    """Read a duration; raises ValueError or OverflowError for an invalid one."""
    return message.ToTimedelta()


def written_span(value: timedelta) -> Duration:
    """Write a duration."""
    message = Duration()
    message.FromTimedelta(value)
    return message


def seconds_of(message: Duration) -> float:
    """Read a duration as seconds, of whatever length."""
    return message.seconds + message.nanos / 1e9


def written_seconds(value: float) -> Duration:
    """Write a duration of seconds."""
    message = Duration()
    message.FromNanoseconds(round(value * 1e9))
    return message
