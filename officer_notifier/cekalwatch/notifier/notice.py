"""What the notifier knows of an alert: plain values, made by `convert.py`, shown by the screens.

It knows neither protobuf nor gRPC. Every text in here is safe to show: see `text.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Direction(StrEnum):
    """The direction of travel below a camera."""

    DEPARTURE = "DEPARTURE"
    ARRIVAL = "ARRIVAL"


class OrderKind(StrEnum):
    """CEGAH forbids leaving the country, TANGKAL forbids entering it."""

    CEGAH = "CEGAH"
    TANGKAL = "TANGKAL"


class EventKind(StrEnum):
    """What happened to an alert."""

    RAISED = "RAISED"
    SIGHTED = "SIGHTED"
    CHANGED = "CHANGED"
    """Something that a newer server knows and this program does not: the alert is shown as it stands."""


@dataclass(frozen=True)
class Order:
    """The facts of a ban order that an officer needs. Dates are ISO 8601 or empty."""

    order_id: str
    kind: OrderKind | None
    decree_number: str
    decree_date: str
    requesting_agency: str
    valid_from: str
    valid_until: str
    urgent: bool


@dataclass(frozen=True)
class Notice:
    """A possible match, as it stood when the server sent it. Scores are comparison scores, -1 to 1."""

    alert_id: str
    subject_id: str
    name: str
    nationality: str
    date_of_birth: str
    orders: tuple[Order, ...]
    camera_id: str
    site: str
    counter: str
    direction: Direction | None
    captured_at: datetime
    raised_at: datetime
    score: float
    threshold: float
    candidates: int
    sightings: int


@dataclass(frozen=True)
class Pictures:
    """The pictures to compare, JPEG bytes; `probe` is empty when the server has none."""

    probe: bytes
    references: tuple[bytes, ...]


@dataclass(frozen=True)
class ImagePaths:
    """Where the pictures of an alert were saved; nothing when they could not be had."""

    probe: Path | None = None
    references: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Shown:
    """A notice as it is shown. `sequence` and `event` are None when it was listed again, not sent as an event."""

    notice: Notice
    images: ImagePaths
    notified_at: datetime
    sequence: int | None = None
    event: EventKind | None = None

    @property
    def relisted(self) -> bool:
        """Whether it was listed again after a restart."""
        return self.sequence is None


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts an agent wants; empty fields mean all."""

    site: str = ""
    counters: tuple[str, ...] = ()
    direction: Direction | None = None
