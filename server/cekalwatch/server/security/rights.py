"""The table of rights: which role may call which method, and how far that reaches. Pure; it knows no transport.

What is not in the table is refused. Roles of people will stand in it beside those of devices.

The watchlist is kept by the local administrator: commands on the server's machine show the server's own certificate,
whose key only the server's user can read. No other device comes near the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from cekalwatch.server.domain.alerts import AlertFilter
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.wire.identity import DeviceRole, Identity


class Reach(StrEnum):
    """How far a right goes. The device's site must be one that the server serves, whatever the reach."""

    ITSELF = "ITSELF"
    """Only under the device's own name, and only at its own site."""
    OWN_SITE = "OWN_SITE"
    """What belongs to the device's site."""
    SERVER = "SERVER"
    """Everything on this server."""


Grants = Mapping[DeviceRole, Reach]

_CAMERA: Grants = MappingProxyType({DeviceRole.CAMERA: Reach.ITSELF})
_AGENT: Grants = MappingProxyType({DeviceRole.NOTIFIER: Reach.ITSELF})
_OFFICE: Grants = MappingProxyType({DeviceRole.NOTIFIER: Reach.OWN_SITE})
_KEEPER: Grants = MappingProxyType({DeviceRole.SERVER: Reach.SERVER})
_OBSERVER: Grants = MappingProxyType({DeviceRole.DIAGNOSTICS: Reach.SERVER, DeviceRole.SERVER: Reach.SERVER})

RIGHTS: Mapping[str, Grants] = MappingProxyType(
    {
        "/cekalwatch.v1.CaptureService/StreamFaces": _CAMERA,
        "/cekalwatch.v1.AlertService/SubscribeAlerts": _AGENT,
        "/cekalwatch.v1.AlertService/AcknowledgeAlerts": _AGENT,
        "/cekalwatch.v1.AlertService/ListAlerts": _OFFICE,
        "/cekalwatch.v1.AlertService/GetAlert": _OFFICE,
        "/cekalwatch.v1.WatchlistService/ImportWatchlist": _KEEPER,
        "/cekalwatch.v1.WatchlistService/ListSubjects": _KEEPER,
        "/cekalwatch.v1.WatchlistService/GetSubject": _KEEPER,
        "/cekalwatch.v1.OperationsService/GetStatus": _OBSERVER,
        "/grpc.health.v1.Health/Check": _OBSERVER,
        "/grpc.health.v1.Health/List": _OBSERVER,
        "/grpc.health.v1.Health/Watch": _OBSERVER,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetTopChannels": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServers": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServer": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServerSockets": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetChannel": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetSubchannel": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetSocket": _OBSERVER,
    }
)


@dataclass(frozen=True)
class Caller:
    """Who makes a call, and how far it may reach."""

    identity: Identity
    reach: Reach

    def speak_as(self, name: str) -> None:
        """Refuse with NAME_NOT_ALLOWED to speak under another name than its own."""
        if self.reach is Reach.ITSELF and name != self.identity.name:
            raise CekalwatchError(Code.NAME_NOT_ALLOWED)

    def act_at(self, site: str) -> None:
        """Refuse with SITE_NOT_ALLOWED what happens at another site."""
        if not self.sees(site):
            raise CekalwatchError(Code.SITE_NOT_ALLOWED)

    def sees(self, site: str) -> bool:
        """Whether what belongs to `site` may be seen."""
        return self.reach is Reach.SERVER or site == self.identity.site

    def narrow(self, wanted: AlertFilter) -> AlertFilter:
        """Return `wanted` within its reach; SITE_NOT_ALLOWED when it names another site."""
        if self.reach is Reach.SERVER:
            return wanted
        self.act_at(wanted.site or self.identity.site)
        return replace(wanted, site=self.identity.site)


LOCAL = Caller(Identity(DeviceRole.SERVER, "local", "local"), Reach.SERVER)
"""Whoever speaks plaintext, on this machine: development and tests. With certificates there is no such caller."""


def caller(identity: Identity, method: str, served_sites: frozenset[str]) -> Caller:
    """Return the caller of `method`; raises METHOD_NOT_ALLOWED or SITE_NOT_ALLOWED."""
    reach = RIGHTS.get(method, {}).get(identity.role)
    if reach is None:
        raise CekalwatchError(Code.METHOD_NOT_ALLOWED, f"{identity.role} {method}")
    if identity.site not in served_sites:
        raise CekalwatchError(Code.SITE_NOT_ALLOWED, identity.site)
    return Caller(identity, reach)
