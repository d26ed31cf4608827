"""Ports with their own servers, and their reports of alerts to the centre.

A port reports the events of its own log, in order, and each with its alert as it stands there. The centre stores them,
and decides nothing about them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cekalwatch.contract.values.federation import PortStatus
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.clock import lately

FOLLOWS_WITHIN = timedelta(seconds=15)
"""After this time without a report from a server of the centre, a port no longer follows: that server died."""

HEARD_WITHIN = timedelta(seconds=30)
"""A port that is silent for longer was connected to a server of the centre that died."""


@dataclass(frozen=True, order=True)
class Port:
    """A port, by the certificate of its server."""

    site: str
    name: str

    def __str__(self) -> str:
        return f"{self.site}/{self.name}"


@dataclass(frozen=True)
class PortReport:
    """An event of a port's log with its alert's present state there, and the names of the people who work on it."""

    previous: int
    """The event reported before."""
    event: AlertEvent
    alert: Alert
    people: Mapping[UUID, str]


@dataclass(frozen=True)
class PortAlert:
    """An alert of a port, as it reported it last."""

    port: Port
    alert: Alert
    people: Mapping[UUID, str]
    reported_at: datetime


@dataclass(frozen=True)
class Following:
    """How a port follows the centre's list."""

    port: Port
    run_id: str
    """Of its program."""
    server: str = ""
    """The centre's server at which it follows; empty while it does not."""
    since: datetime | None = None
    """When it began to follow, or ended."""
    heard_at: datetime | None = None
    """When it was last known to follow."""
    model_version: str = ""
    version: str = ""
    certificate: str = ""
    """Issuer and serial number of its certificate, as `CertificateKey.text`."""

    def goes_on(self, now: datetime) -> bool:
        """Whether it follows now: at a server of the centre that lives."""
        return bool(self.server and self.heard_at and lately(self.heard_at, now, FOLLOWS_WITHIN))


@dataclass(frozen=True)
class PortState:
    """The state of a port, as the centre knows it."""

    port: Port
    server: str = ""
    """The centre's server at which it is connected; empty while it is not."""
    heard_at: datetime | None = None
    waiting: int = 0
    """Events that it had not reported when it was heard of last."""
    version: str = ""
    sequence: int = 0
    """The newest event that is stored."""
    unsettled: int = 0
    """Its unsettled alerts."""
    list_at: datetime | None = None
    """When its list was brought up to date last, as it said when it was last heard of; None when it has not said."""
    following: Following | None = None
    """None when it never followed the list."""

    def status(self, now: datetime) -> PortStatus:
        """Return the state of the port, as people see it."""
        following = self.following
        connected = bool(self.server and self.heard_at and lately(self.heard_at, now, HEARD_WITHIN))
        return PortStatus(
            site=self.port.site,
            name=self.port.name,
            connected=connected,
            last_heard_at=self.heard_at,
            acknowledged_sequence=self.sequence,
            events_waiting=self.waiting,
            server_version=self.version,
            server=self.server if connected else "",
            unsettled_alerts=self.unsettled,
            follows_list=bool(following and following.goes_on(now)),
            follows_since=following.since if following else None,
            list_at=self.list_at,
            model_version=following.model_version if following else "",
        )
