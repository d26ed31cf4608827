"""The devices of an office: who may be one by the settings, and what each has of certificates and invitations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cekalwatch.server.domain.checkpoints import Camera, Site
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.pki.ledger import Issued
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.refusals import RefusedError
from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError

_AT_SITE = frozenset({DeviceRole.NOTIFIER, DeviceRole.PORT, DeviceRole.CONSOLE})
"""Roles of devices that stand at one site, of which the settings do not say it."""


@dataclass(frozen=True)
class KnownDevice:
    """A device with all that the authority knows of it."""

    identity: Identity
    issued: tuple[Issued, ...] = ()
    """Its certificates, newest first."""
    invited_until: datetime | None = None
    """None while no invitation is open."""

    def good_until(self, now: datetime) -> datetime | None:
        """Return when its last certificate runs out; None when none is in force."""
        return max((one.certificate.not_valid_after_utc for one in self.issued if one.good(now)), default=None)


class DevicePlaces:
    """Where devices may be, by the settings."""

    def __init__(self, sites: Iterable[Site], cameras: Iterable[Camera]) -> None:
        """The first of `sites` is the one that counts where none is named."""
        self.sites = tuple(one.site for one in sites)
        self.cameras: Mapping[str, Camera] = {camera.camera_id: camera for camera in cameras}

    def new(self, role: DeviceRole, site: str | None, name: str) -> Identity:
        """Return who a new device is: a camera as the settings have it, any other at one of their sites.

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
        """Return who a device is that has a certificate or an invitation, also when the settings have it no longer.

        Raises RefusedError, as `new` does for a device that has neither.
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
