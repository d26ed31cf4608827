"""The right to each method, from the calls of the contract; and the caller of a call, and the reach of it.

Methods without a right are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from uuid import UUID

from cekalwatch.contract.calls import alarms, alerts, audit, devices, operations, people, ports, watchlist
from cekalwatch.contract.engine.call import Call
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import HANDLES_ALERTS, PersonRole
from cekalwatch.contract.values.rights import DESKS, HEALTH, OBSERVER, Reach, Right
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.auth.sessions import Device, Session
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.wire.identity import DeviceRole, Identity

_MODULES = (alarms, alerts, audit, devices, operations, people, ports, watchlist)
RIGHTS: Mapping[str, Right] = MappingProxyType(
    {
        **{one.path: one.right for module in _MODULES for one in vars(module).values() if isinstance(one, Call)},
        "/grpc.health.v1.Health/Check": HEALTH,
        "/grpc.health.v1.Health/List": OBSERVER,
        "/grpc.health.v1.Health/Watch": OBSERVER,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetTopChannels": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServers": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServer": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServerSockets": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetChannel": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetSubchannel": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetSocket": OBSERVER,
    }
)

WITH_FIRST_PASSWORD = frozenset({people.GET_SESSION.path, people.CHANGE_PASSWORD.path, people.SIGN_OUT.path})
"""The methods for a person who has not changed the first password yet."""

ON_WALLS = frozenset(
    one.path for one in (operations.LIST_COUNTERS, devices.GET_AIMING_PICTURE, people.GET_SESSION, people.SIGN_OUT)
)
"""The methods for the session of a wall; of pictures, only watched ones."""


@dataclass(frozen=True)
class Caller:
    """The caller, and the reach of the call."""

    identity: Identity
    reach: Reach
    device: Device
    needs: frozenset[PersonRole] = frozenset()
    """See `Grant.people`."""
    welcome: frozenset[PersonRole] = frozenset()
    """See `Grant.welcome`."""
    session: Session | None = None
    """The key of the signed-in person; None when the device calls alone."""
    people: TwoPeople | None = None
    """The two people of a method that needs two."""

    @property
    def on_this_machine(self) -> bool:
        """Whether it uses plaintext on this machine; see `LOCAL`. A person may be signed in there too."""
        return self.device == LOCAL.device

    @property
    def actor(self) -> Actor:
        """The actor in the audit trail."""
        if self.session is None:
            return self.device.actor
        return self.device.used_by(self.session.person.person_id)

    def signed_in(self) -> Session:
        """Return the session; raises SIGN_IN_NEEDED."""
        if self.session is None:
            raise CekalwatchError(Code.SIGN_IN_NEEDED)
        return self.session

    @property
    def judges(self) -> frozenset[UUID]:
        """The person who calls, if they may judge alerts: they have to look at two faces first (domain rule 15)."""
        person = self.session.person if self.session else None
        return frozenset({person.person_id}) if person and person.roles & HANDLES_ALERTS else frozenset()

    @property
    def sees_history(self) -> bool:
        """Whether a stream may repeat events before its agent's position: with a signed-in person, or in plaintext."""
        return self.session is not None or self.on_this_machine

    @property
    def is_told_names(self) -> bool:
        """Whether a stream names people: only to a signed-in person, or in plaintext. A device alone rings."""
        return self.sees_history

    def two_people(self) -> TwoPeople:
        """Return the two people; raises SECOND_PERSON_NEEDED."""
        if self.people is None:
            raise CekalwatchError(Code.SECOND_PERSON_NEEDED)
        return self.people

    def speak_as(self, name: str) -> None:
        """Refuse with NAME_NOT_ALLOWED any name but the device's own."""
        if self.reach is Reach.ITSELF and name != self.identity.name:
            raise CekalwatchError(Code.NAME_NOT_ALLOWED)

    def sit_at(self, agent_id: str) -> None:
        """Refuse with NAME_NOT_ALLOWED any agent's key but that of the device."""
        if self.identity.role in DESKS and agent_id != self.identity.name:
            raise CekalwatchError(Code.NAME_NOT_ALLOWED)

    def act_at(self, site: str) -> None:
        """Refuse with SITE_NOT_ALLOWED any other site."""
        if not self.sees(site):
            raise CekalwatchError(Code.SITE_NOT_ALLOWED)

    def one_site(self, wanted: str, home_site: str) -> str:
        """Return the site of a request: `wanted`, else the device's, or `home_site` if it has none.

        Refuses with SITE_NOT_ALLOWED a site that it may not see.
        """
        site = wanted or (self.identity.site if self.device.site else home_site)
        self.act_at(site)
        return site

    def sees(self, site: str) -> bool:
        """Whether the caller may see data of `site`."""
        return self.reach is Reach.SERVER or site == self.identity.site

    def narrow(self, wanted: AlertFilter) -> AlertFilter:
        """Return `wanted` limited to its reach; SITE_NOT_ALLOWED when it names another site."""
        return replace(wanted, site=self.narrow_site(wanted.site))

    def narrow_site(self, wanted: str) -> str:
        """Return the site within its reach, empty for all; SITE_NOT_ALLOWED when `wanted` is another one."""
        if self.reach is Reach.SERVER:
            return wanted
        self.act_at(wanted or self.identity.site)
        return self.identity.site


LOCAL = Caller(Identity(DeviceRole.SERVER, "local", "local"), Reach.SERVER, Device(Actor(ActorKind.CLIENT, "loopback")))
"""A caller in plaintext on this machine: development and tests. With certificates there is no such caller."""


def device_caller(identity: Identity, device: Device, method: str, served_sites: frozenset[str]) -> Caller:
    """Return the caller of `method` without a person; raises METHOD_NOT_ALLOWED or SITE_NOT_ALLOWED."""
    right = RIGHTS.get(method)
    grant = right.devices.get(identity.role) if right else None
    if grant is None:
        raise CekalwatchError(Code.METHOD_NOT_ALLOWED, f"{identity.role} {method}")
    if identity.site not in served_sites:
        raise CekalwatchError(Code.SITE_NOT_ALLOWED, identity.site)
    return Caller(identity, grant.reach, device, grant.people, grant.welcome)
