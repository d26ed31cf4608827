"""The state of a PC's connection to the server, and the messages that a subscription adds to the server's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from cekalwatch.contract.values.alerts import StreamMessage
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault, WatchLevel


class Cause(StrEnum):
    """Why the connection failed."""

    UNREACHABLE = "UNREACHABLE"
    SILENT = "SILENT"
    """Nothing came for too long, so this side gave the connection up."""
    CLOSED = "CLOSED"
    """The server ended the stream, as it does when it stops."""
    CERTIFICATE = "CERTIFICATE"
    """One end does not accept the other's certificate, or has none; the log says which."""
    REFUSED = "REFUSED"
    """The server does not accept this PC's subscription, and a person must act."""
    FAILED = "FAILED"


@dataclass(frozen=True)
class Refusal:
    """Why the server does not serve this PC: a code of the error catalogue, and its details by name."""

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
    """Events after it are no longer stored."""
    UNKNOWN = "POSITION_UNKNOWN"
    """The log does not reach it: it is another log, for example of a restored database."""


@dataclass(frozen=True)
class StartedOver:
    """The position was refused; the next stream begins with the oldest event held."""

    lost: LostPosition


Update = StreamMessage | Disconnected | StartedOver
"""What happens to a subscription."""


@dataclass(frozen=True)
class Connection:
    """Whether alerts can come now, and since when."""

    since: datetime
    ready: bool = False
    cause: Cause | None = None
    """The reason for the missing connection; None during the first attempt."""
    refusal: Refusal | None = None
    """With REFUSED."""
    told: Readiness | None = None
    """What the server last said over this connection; None while there is none, and from a server before 0.3.0."""

    def made(self, now: datetime, told: Readiness | None = None) -> Connection:
        """Return the state once the server has sent something."""
        return replace(self, told=told) if self.ready else Connection(now, ready=True, told=told)

    def readiness(self, own: Collection[ReadinessFault] = ()) -> Readiness | None:
        """Return whether a listed traveller would ring here, with `own` faults of this PC; None if nobody knows."""
        if not self.ready:
            return Readiness(ReadinessFault.SERVER, nobody=True)
        silent = {ReadinessFault.SOUND, ReadinessFault.WINDOW}.issubset(own)
        if self.told and own and (self.told.fault is None or (silent and not self.told.nobody)):
            return Readiness(min(own, key=list(ReadinessFault).index), nobody=silent)
        return self.told

    def level(self, own: Collection[ReadinessFault] = ()) -> WatchLevel:
        """Return how many of the listed travellers would ring here."""
        readiness = self.readiness(own)
        return readiness.level if readiness else WatchLevel.UNKNOWN

    def lost(self, cause: Cause, now: datetime, refusal: Refusal | None = None) -> Connection:
        """Return the state without a connection: since its loss, whatever made later attempts fail."""
        return Connection(self.since if self.cause else now, cause=cause, refusal=refusal)
