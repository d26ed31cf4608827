"""What a subscription tells: one value type for each thing that can happen to it; and the connection's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.office.model.alert import Alert


@dataclass(frozen=True)
class Connected:
    """The subscription stands; events after `after_sequence` follow, `head_sequence` is the newest there is."""

    after_sequence: int
    head_sequence: int
    freshness: Freshness
    waiting: int = 0
    """How many alerts wait for somebody, as the server counts: where nobody has signed in, a PC may not list them."""


@dataclass(frozen=True)
class AlertEvent:
    """An entry of the server's event log."""

    sequence: int
    event_type: AlertEventType | None
    """None: one that only a newer server knows; the alert is shown as it stands."""
    alert: Alert
    trace: str = ""
    """The context in which its capture is traced (`program/traces.py`); empty where it is not."""


@dataclass(frozen=True)
class WaitingAlert:
    """An alert that waits still for somebody, told before the events that this agent missed: newest first."""

    alert: Alert


@dataclass(frozen=True)
class KeepAlive:
    """Nothing happened, and the connection lives."""

    freshness: Freshness
    waiting: int = 0
    """As in `Connected`."""


class Cause(StrEnum):
    """Why there is no connection."""

    UNREACHABLE = "UNREACHABLE"
    SILENT = "SILENT"
    """Nothing came for too long, so this side gave the connection up."""
    CLOSED = "CLOSED"
    """The server ended the stream, as it does when it stops."""
    CERTIFICATE = "CERTIFICATE"
    """One end does not accept the other's certificate, or has none; the log says which."""
    REFUSED = "REFUSED"
    """The server does not serve this PC as it is; somebody has to do something about it."""
    FAILED = "FAILED"


@dataclass(frozen=True)
class Refusal:
    """Why the server does not serve this PC: a code of the error catalogue, and what it says with it, by name."""

    code: str
    details: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Disconnected:
    """The connection is gone, or could still not be made; another attempt follows."""

    cause: Cause
    refusal: Refusal | None = None
    """With REFUSED."""


class LostPosition(StrEnum):
    """Why the server cannot go on after our position. The names are those of the error catalogue."""

    TOO_OLD = "POSITION_TOO_OLD"
    """Events after it are no longer held."""
    UNKNOWN = "POSITION_UNKNOWN"
    """The log does not reach it: it is another log, for example of a restored database."""


@dataclass(frozen=True)
class StartedOver:
    """The position was refused; the next stream begins with the oldest event held."""

    lost: LostPosition


Update = Connected | WaitingAlert | AlertEvent | KeepAlive | Disconnected | StartedOver


@dataclass(frozen=True)
class Connection:
    """Whether alerts can come now, and since when."""

    since: datetime
    ready: bool = False
    cause: Cause | None = None
    """Why there is no connection; None while the first attempt runs."""
    refusal: Refusal | None = None
    """With REFUSED."""

    def made(self, now: datetime) -> Connection:
        """Return the state once alerts can come."""
        return self if self.ready else Connection(now, ready=True)

    def lost(self, cause: Cause, now: datetime, refusal: Refusal | None = None) -> Connection:
        """Return the state without a connection: since its loss, whatever made later attempts fail."""
        return Connection(self.since if self.cause else now, cause=cause, refusal=refusal)
