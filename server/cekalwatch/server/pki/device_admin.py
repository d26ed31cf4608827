"""The devices of an office: which ones the settings allow, the certificates of each, and an administrator's changes.

The audit trail records each change. Methods block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import structlog

from cekalwatch.program.checks.certificate import read_certificate
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.device_entries import device_entry, invitation_facts, revocation_facts
from cekalwatch.server.audit.entry import Action, Actor
from cekalwatch.server.domain.checkpoints import Camera, Site
from cekalwatch.server.domain.people import Person
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.foundation.refusals import RefusedError
from cekalwatch.server.pki.authority import LOOPBACK_HOSTS
from cekalwatch.server.pki.ledger import Issued
from cekalwatch.server.pki.site_pki import SitePki, hosts_of
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.wire.address import split_address
from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError
from cekalwatch.wire.invitation import DeviceInvitation

_AT_SITE = frozenset({DeviceRole.NOTIFIER, DeviceRole.PORT, DeviceRole.CONSOLE})
"""Roles of devices that belong to a site, which the settings do not state."""


@dataclass(frozen=True)
class KnownDevice:
    """A device with the authority's records of it."""

    identity: Identity
    issued: tuple[Issued, ...] = ()
    """Its certificates, newest first."""
    invited_until: datetime | None = None
    """None while no invitation is open."""

    def good_until(self, now: datetime) -> datetime | None:
        """Return when its last certificate expires; None when none is in force."""
        return max((one.certificate.not_valid_after_utc for one in self.issued if one.good(now)), default=None)


class DevicePlaces:
    """The cameras and sites for which the settings allow devices."""

    def __init__(self, sites: Iterable[Site], cameras: Iterable[Camera]) -> None:
        """The first of `sites` is the default."""
        self.sites = tuple(one.site for one in sites)
        self.cameras: Mapping[str, Camera] = {camera.camera_id: camera for camera in cameras}

    def new(self, role: DeviceRole, site: str | None, name: str) -> Identity:
        """Return the identity of a new device: a camera as in the settings, any other device at one of their sites.

        Raises RefusedError with UNKNOWN_CAMERA or DEVICE_INVALID.
        """
        try:
            wanted = Identity(role, site or self.sites[0], name)
        except IdentityError as error:
            raise RefusedError(Code.DEVICE_INVALID, str(error)) from None
        if role is DeviceRole.CAMERA:
            return self._camera(site, name)
        if wanted.site not in self.sites:
            words = f"The settings have no site {site}; they have {', '.join(self.sites)}"
            raise RefusedError(Code.DEVICE_INVALID, words)
        if role in _AT_SITE and site is None and len(self.sites) > 1:
            words = f"Say at which site this {role} is, with --site: {', '.join(self.sites)}"
            raise RefusedError(Code.DEVICE_INVALID, words)
        return wanted

    def _camera(self, site: str | None, name: str) -> Identity:
        if name not in self.cameras:
            known = ", ".join(self.cameras) or "none"
            raise RefusedError(
                Code.UNKNOWN_CAMERA,
                f"The settings have no camera {name} (but {known}): write it into [[cameras]] and restart the server",
            )
        place = self.cameras[name].site
        if site not in {None, place}:
            words = f"The camera {name} is at {place} in the settings, not at {site}"
            raise RefusedError(Code.DEVICE_INVALID, words)
        return Identity(DeviceRole.CAMERA, place, name)

    def known(self, pki: SitePki, role: DeviceRole, site: str | None, name: str, now: datetime) -> Identity:
        """Return the identity of a device with a certificate or an invitation, even if it left the settings.

        Raises RefusedError as `new` does for a device that has neither.
        """
        identities = [one.identity for one in pki.issued()]
        identities += [one.identity for one in pki.open_invitations(now)]
        found = {one for one in identities if (one.role, one.name) == (role, name) and site in {None, one.site}}
        if len(found) > 1:
            words = f"Say at which site, with --site: {', '.join(sorted(one.site for one in found))}"
            raise RefusedError(Code.DEVICE_INVALID, words)
        return found.pop() if found else self.new(role, site, name)

    def all(self, pki: SitePki, now: datetime) -> list[KnownDevice]:
        """Return every device of the authority's ledger, and the cameras of the settings, in no order."""
        issued: dict[Identity, list[Issued]] = {
            Identity(DeviceRole.CAMERA, one.site, one.camera_id): [] for one in self.cameras.values()
        }
        for one in pki.issued():
            issued.setdefault(one.identity, []).append(one)
        invited = {one.identity: one.expires_at for one in pki.open_invitations(now)}
        return [
            KnownDevice(identity, tuple(reversed(issued.get(identity, []))), invited.get(identity))
            for identity in issued.keys() | invited.keys()
        ]


class ServerEndpoints(NamedTuple):
    """Addresses of the server, HOST:PORT, for the one-line invitations with which devices set themselves up."""

    server: str
    enrol: str


def endpoints_at(tls_dir: Path, listen: str, enrolment_listen: str) -> ServerEndpoints:
    """Return where devices reach this server, by the first name in its certificate in `tls_dir`.

    `listen` and `enrolment_listen` are where it listens, HOST:PORT; the latter is empty where no device can enrol.
    Raises ProgramError.
    """
    if not enrolment_listen:
        words = "No device can enrol: set enrolment_listen, and restart the server"
        raise RefusedError(Code.ENROLMENT_CLOSED, words, Exit.CONFIG)
    try:
        names = hosts_of(read_certificate(tls_dir))
    except (OSError, ValueError):
        raise ProgramError(f"There is no certificate of the server in {tls_dir}", Exit.CONFIG) from None
    host = next((name for name in names if name not in LOOPBACK_HOSTS), names[0])
    host = f"[{host}]" if ":" in host else host
    ports = (split_address(address)[1] for address in (listen, enrolment_listen))
    return ServerEndpoints(*(f"{host}:{port}" for port in ports))


INVITED_HERE = frozenset({DeviceRole.CAMERA, DeviceRole.NOTIFIER})
"""Roles of one site; other roles see the whole list or the whole server, or get host names."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Invited:
    """A device that was invited."""

    invitation: DeviceInvitation
    expires_at: datetime


@dataclass(frozen=True)
class RevokedDevice:
    """A device whose certificates were revoked."""

    certificates: int
    """Number of certificates that were in force."""
    recorded: bool
    """Whether the audit trail has recorded it."""


@dataclass(frozen=True)
class DeviceRegistry:
    """The parts of one server that manage its devices."""

    places: DevicePlaces
    open_pki: Callable[[], SitePki]
    """Opens the authority; raises ProgramError, with AUTHORITY_NOT_HERE if there is none."""
    reached: Callable[[], ServerEndpoints]
    """Returns the addresses of this server; raises ProgramError, with ENROLMENT_CLOSED if no device can enrol."""
    audit: AuditStore
    clock: Clock


class DeviceAdmin:
    """Acts for `actor`. Methods raise RefusedError, and ProgramError when the authority cannot be used."""

    def __init__(
        self, office: DeviceRegistry, actor: Actor, by: Person | None = None, through: Identity | None = None
    ) -> None:
        """`by`: the administrator, who sees and changes only their own sites; None: a person at this machine.

        `through`: the device that they use, which cannot revoke itself.
        """
        self._office = office
        self._actor = actor
        self._by = by
        self._through = through

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites whose devices are managed."""
        return tuple(site for site in self._office.places.sites if self._by is None or site in self._by.sites)

    def all(self) -> list[KnownDevice]:
        """Return the devices; those whose certificate expires first come first."""
        now = self._office.clock.now()
        found = self._office.places.all(self._office.open_pki(), now)
        return sorted((one for one in found if one.identity.site in self.sites), key=lambda one: _order(one, now))

    def invite(self, role: DeviceRole, site: str | None, name: str, counters: tuple[str, ...], minutes: int) -> Invited:
        """Make a code for a device; `site` None: that of the settings.

        Raises StorageError when it cannot be recorded; then the code is withdrawn, and nobody has it.
        """
        identity = self._office.places.new(role, site, name)
        self._refuse_other_sites(identity)
        if identity.role not in INVITED_HERE:
            raise RefusedError(Code.DEVICE_KEPT_ELSEWHERE, f"A {identity.role} is invited on the server's machine")
        if counters and (role is not DeviceRole.NOTIFIER or not set(counters) <= self._counters(identity.site)):
            raise RefusedError(Code.DEVICE_INVALID, f"{identity.uri} cannot show these counters")
        reached, pki, now = self._office.reached(), self._office.open_pki(), self._office.clock.now()
        valid = timedelta(minutes=minutes)
        code = pki.invite(identity, now, valid)
        try:
            self._record(Action.DEVICE_INVITED, identity, invitation_facts(code, minutes))
        except StorageError:
            pki.cancel_invitation(identity, now)
            raise
        return Invited(DeviceInvitation(identity, *reached, code, counters), now + valid)

    def cancel(self, identity: Identity) -> None:
        """Withdraw an open invitation; raises StorageError, without a change, when that cannot be recorded."""
        self._refuse_other_sites(identity)
        pki, now = self._office.open_pki(), self._office.clock.now()
        if identity not in {one.identity for one in pki.open_invitations(now)}:
            raise RefusedError(Code.DEVICE_UNKNOWN, f"No invitation of {identity.uri} is open")
        self._record(Action.INVITATION_WITHDRAWN, identity, {})
        pki.cancel_invitation(identity, now)

    def is_admitted(self, identity: Identity) -> bool:
        """Whether a device has a certificate in force."""
        self._refuse_other_sites(identity)
        now = self._office.clock.now()
        return any(one.identity == identity and one.good(now) for one in self._office.open_pki().issued())

    def revoke(self, identity: Identity) -> RevokedDevice:
        """Revoke all certificates of a device, and withdraw its invitation.

        It revokes before it records: an unavailable database must not keep a stolen device connected.
        """
        if identity.role is DeviceRole.SERVER or identity == self._through:
            raise RefusedError(Code.DEVICE_KEPT_ELSEWHERE, f"{identity.uri} is revoked on the server's machine")
        pki, now = self._office.open_pki(), self._office.clock.now()
        invited = identity in {one.identity for one in pki.open_invitations(now)}
        if not invited and not self.is_admitted(identity):
            raise RefusedError(Code.DEVICE_UNKNOWN, f"{identity.uri} has no certificate in force, and no invitation")
        count = pki.revoke(identity, now)
        try:
            self._record(Action.CERTIFICATES_REVOKED, identity, revocation_facts(count))
        except StorageError as error:
            log.error(  # noqa: TRY400  # no traceback
                "revocation_not_recorded", role=identity.role, site=identity.site, name=identity.name, error=str(error)
            )
            return RevokedDevice(count, recorded=False)
        return RevokedDevice(count, recorded=True)

    def _counters(self, site: str) -> set[str]:
        return {one.counter for one in self._office.places.cameras.values() if one.site == site}

    def _refuse_other_sites(self, identity: Identity) -> None:
        if identity.site not in self.sites:
            raise RefusedError(Code.PERSON_SITE_NOT_ALLOWED, "An administrator keeps devices of their own sites")

    def _record(self, action: Action, identity: Identity, details: dict[str, int | str]) -> None:
        entry = device_entry(self._office.clock.now(), self._actor, action, identity, details)
        self._office.audit.append(entry)


def _order(device: KnownDevice, now: datetime) -> tuple[int, float, str, str, str]:
    """Working devices first, by the end of their certificates; then invited ones, then those without a valid one."""
    identity, until = device.identity, device.good_until(now)
    if until:
        rank, moment = 0, until.timestamp()
    elif device.invited_until or not device.issued:
        rank, moment = 1, 0.0
    else:
        rank, moment = 2, -device.issued[0].certificate.not_valid_after_utc.timestamp()
    return rank, moment, identity.site, identity.role, identity.name
