"""What of a server ends on a day: certificates of it, of its devices and of files that settings name, and secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from cryptography import x509

from cekalwatch.program.checks.certificate import identity_of, read_certificate
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.health.alarms.upkeep import BANDS, Ending
from cekalwatch.server.pki.ledger import Issued
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.settings.named_files import named_files
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.wire.identity import DeviceRole, Identity

GUIDE = "docs/certificates.md"


def endings_of(settings: ServerSettings, now: datetime) -> Iterator[Ending]:
    """Yield what ends, as far as this server can read it: certificates of it, of its devices, and of named files."""
    issued = list[Issued]()
    with suppress(ProgramError):  # the authority is elsewhere
        pki = SitePki.load(settings.pki_path, settings.authority_token)
        yield Ending("authority", pki.valid_until, GUIDE)
        issued = pki.issued()
        yield from _devices(issued, now)
    with suppress(OSError, ValueError):  # there is none, or its own check says what is wrong
        own = read_certificate(settings.tls_path)
        ours = any(one.certificate == own and not one.revoked_at for one in issued)
        yield Ending("certificate", own.not_valid_after_utc, _renewal(identity_of(own)) if ours else GUIDE)
    for file in named_files(settings):
        if ends := settings.secret_ends.get(file.setting):
            yield Ending(file.setting, datetime.combine(ends, time(), UTC), "docs/settings.md")
        elif not file.is_secret and (days := _days(file.place.read_bytes() if file.place.is_file() else b"")):
            # A chain ends with its first certificate, and a list of authorities with its last.
            until = min(days) if file.setting.endswith("certificate.pem") else max(days)
            yield Ending(file.setting, until, GUIDE)


def _renewal(identity: Identity) -> str:
    """Return the command that renews a device, which can be typed as it is on the server that has the authority."""
    out = "" if identity.role is DeviceRole.SERVER else f" --out {identity.name}.pem"
    return f"cekalwatch-server pki renew --role {identity.role} --site {identity.site} --name {identity.name}{out}"


def _devices(issued: Iterable[Issued], now: datetime) -> Iterator[Ending]:
    """Yield the first of the devices whose certificates end soon, with how many there are."""
    newest = {one.identity: one.certificate.not_valid_after_utc for one in issued if one.good(now)}
    soon = now + timedelta(days=BANDS[-1])
    devices = [one for one, until in newest.items() if one.role is not DeviceRole.SERVER and until < soon]
    if devices:
        first = min(devices, key=lambda one: (newest[one], one.uri))
        what = f"{len(devices)} devices, first {first.role} {first.site}/{first.name}"
        yield Ending(what, newest[first], _renewal(first))


def _days(content: bytes) -> list[datetime]:
    """Return until when each certificate of a file can be used; none if it has none."""
    with suppress(ValueError):
        return [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(content)]
    return []
