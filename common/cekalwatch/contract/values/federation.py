"""The messages of a port's server and its centre about alerts, and the state of ports."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from annotated_types import Interval, MaxLen

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.alerts import Alert

MAX_HELD = 1000
"""Keys in one message."""
LogSequence = Annotated[int, Interval(ge=0, le=2**62)]
Count = Annotated[int, Interval(ge=0, le=2**31 - 1)]


class StartReason(StrEnum):
    """Why a port reports from another event on than the centre asked for."""

    FIRST = "FIRST"
    """It reports for the first time."""
    TOO_OLD = "TOO_OLD"
    """It no longer holds the events after the centre's position."""
    OTHER_LOG = "OTHER_LOG"
    """Its log is another one."""


class PictureRefusal(StrEnum):
    """Why a port gives no picture."""

    NOT_KEPT = "NOT_KEPT"
    """It has no picture of that alert."""
    NOT_NOW = "NOT_NOW"
    """There may be one; it is asked too often, or cannot read it."""


@dataclass(frozen=True)
class PortHello:
    """How a port begins a stream."""

    server_version: str
    pictures_only: bool = False
    """Whether the stream only serves pictures, and reports nothing."""


@dataclass(frozen=True)
class LogPosition:
    """A place in a port's event log: the event at it, so that another log is noticed."""

    sequence: int
    alert_id: UUID
    occurred_at: datetime


@dataclass(frozen=True)
class ReportStart:
    """The position from which a port continues, and its manner."""

    position: LogPosition | None
    """None means from its oldest event."""
    heartbeat_period_s: float
    window: int
    """Events that it may send beyond the last receipt."""


@dataclass(frozen=True)
class LogStart:
    """From where a port's events follow."""

    after: LogSequence
    reason: StartReason | None = None
    """None means from the position that the centre asked for."""


@dataclass(frozen=True)
class SignOfLife:
    """The regular message of a port."""

    events_waiting: Count
    """Events that it has not reported."""
    list_at: datetime | None = None
    """When its list was last updated; None when unknown."""


@dataclass(frozen=True)
class HeldAlerts:
    """The alerts that a port still holds between two keys: after `after`, up to `up_to`; None: without a bound."""

    after: UUID | None
    up_to: UUID | None
    alert_ids: Annotated[tuple[UUID, ...], MaxLen(MAX_HELD)]


@dataclass(frozen=True)
class PortPicture:
    """A port's answer to a request for a picture."""

    request_id: int
    probe_jpeg: bytes = field(default=b"", repr=False)
    refusal: PictureRefusal | None = None


@dataclass(frozen=True)
class ReportReceipt:
    """The port's events up to this one are stored."""

    sequence: int


@dataclass(frozen=True)
class PictureRequest:
    """A person at the centre opens the picture of an alert."""

    request_id: int
    alert_id: UUID
    asked_by: str


@dataclass(frozen=True)
class ReportKeepAlive:
    """Nothing happened for a while."""


@dataclass(frozen=True)
class PortStatus:
    """The state of a port, as people at the centre see it."""

    site: str
    name: str
    """In its certificate."""
    connected: bool
    """Whether it reports."""
    last_heard_at: datetime | None
    """When its last report arrived; None means never."""
    acknowledged_sequence: int
    """The newest event that is stored."""
    events_waiting: int
    """Events that it had not reported when it was last heard of."""
    server_version: str
    server: str
    """The centre's server at which it is connected."""
    unsettled_alerts: int
    """Its unsettled alerts."""
    follows_list: bool
    follows_since: datetime | None
    """Since when it does, or does not; None: it never did."""
    list_at: datetime | None
    """When its list was last updated, as it reported; None when unknown."""
    model_version: str


@dataclass(frozen=True)
class PortStep:
    """Something that happened to a port's alert."""

    type: AlertEventType | None
    """None: one that only a newer server knows."""
    occurred_at: datetime
    """By the port's clock."""
    reported_at: datetime


@dataclass(frozen=True)
class ReportedAlert:
    """An alert of a port, as people at the centre see it."""

    site: str
    port: str
    alert: Alert
    """With subject and orders of the centre's list."""
    reported_at: datetime | None = None
    steps: tuple[PortStep, ...] = ()
    """What happened to it, oldest first; only of a single alert."""
