"""Cameras of the settings against certificates of devices: which key has no device, and which device no camera."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from cekalwatch.program.checks.certificate import judge_dates
from cekalwatch.program.checks.results import CheckResult, CheckVerdict
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.pki.ledger import Issued
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.wire.identity import DeviceRole, Identity


def check_devices(settings: ServerSettings, now: datetime) -> Iterator[CheckResult]:
    """Yield a result for each camera of the settings, and for each device whose certificate is not in order."""
    if not settings.cameras:
        yield CheckResult("cameras", CheckVerdict.WARN, "the settings have none: write [[cameras]], nothing is seen")
    try:
        pki = SitePki.load(settings.pki_path, settings.authority_token)
        issued, invited = pki.issued(), {one.identity for one in pki.open_invitations(now)}
    except ProgramError:
        return  # `check_authority` reports it
    newest: dict[Identity, Issued] = {one.identity: one for one in issued if one.good(now)}
    known = {Identity(DeviceRole.CAMERA, one.site, one.camera_id): one for one in settings.cameras}
    for identity, camera in known.items():
        text = f"counter {camera.counter}, {camera.direction.lower()} at {camera.site}"
        if identity in newest:
            verdict, said = CheckVerdict.OK, f"{text}: a capture host has its certificate"
        elif identity in invited:
            verdict, said = CheckVerdict.WARN, f"{text}: invited, and not enrolled yet"
        else:
            verdict, said = (
                CheckVerdict.WARN,
                (f"{text}: no capture host has this key: pki invite --role camera --name {camera.camera_id}"),
            )
        yield CheckResult("camera", verdict, said, camera.camera_id)
    seats = {one.identity.site for one in newest.values() if one.identity.role is DeviceRole.NOTIFIER}
    for site in sorted({one.site for one in settings.cameras} - seats):
        counters = ", ".join(dict.fromkeys(one.counter for one in settings.cameras if one.site == site))
        waiting = sorted(one.name for one in invited if one.role is DeviceRole.NOTIFIER and one.site == site)
        then = (
            f"{', '.join(waiting)}: invited, and not enrolled yet"
            if waiting
            else f"pki invite --role notifier --name NAME --site {site}"
        )
        yield CheckResult(
            "notifiers",
            CheckVerdict.WARN,
            f"no officer's PC at {site} is enrolled, so that nobody sees the alerts of its counters {counters}; {then}",
        )
    yield from _check_ports(newest, invited)
    for identity, one in newest.items():
        verdict, said = judge_dates(identity, one.certificate, now)
        if verdict is not CheckVerdict.OK:
            yield CheckResult("device", verdict, said)
        if identity.role is DeviceRole.CAMERA and identity not in known:
            yield CheckResult(
                "device",
                CheckVerdict.WARN,
                f"{identity.uri} has a certificate, and the settings have no such camera: add it, or revoke it",
            )


def _check_ports(newest: Mapping[Identity, Issued], invited: Collection[Identity]) -> Iterator[CheckResult]:
    """Yield a result for each port's server; two servers of one port would each receive all of the port's data."""
    ports = [one for one in newest if one.role is DeviceRole.PORT]
    for identity in ports:
        others = sorted(one.name for one in ports if one.site == identity.site and one != identity)
        if others:
            text = f"{identity.uri}: the port has other servers, {', '.join(others)}; revoke what is not in use"
            yield CheckResult("port", CheckVerdict.WARN, text)
        else:
            yield CheckResult("port", CheckVerdict.OK, f"{identity.uri}: its server has its certificate")
    for identity in sorted({one for one in invited if one.role is DeviceRole.PORT} - set(ports), key=str):
        yield CheckResult("port", CheckVerdict.WARN, f"{identity.uri}: invited, and not enrolled yet")
