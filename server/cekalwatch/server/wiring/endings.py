"""What of a server ends on a day: certificates of it, of its devices and of files that settings name, and secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from cryptography import x509

from cekalwatch.program.checks.certificate import read_certificate
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.health.alarms.upkeep import BANDS, Ending
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.settings.named_files import named_files
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.wire.identity import DeviceRole

RENEW = "cekalwatch-server pki renew --role"


def endings_of(settings: ServerSettings, now: datetime) -> Iterator[Ending]:
    """Yield what ends, as far as this server can read it: certificates of it, of its devices, and of named files."""
    with suppress(OSError, ValueError):  # there is none, or its own check says what is wrong
        until = read_certificate(settings.tls_path).not_valid_after_utc
        yield Ending("certificate", until, f"{RENEW} server --name NAME")
    with suppress(ProgramError):  # the authority is elsewhere
        pki = SitePki.load(settings.pki_path, settings.authority_token)
        yield Ending("authority", pki.valid_until, "docs/certificates.md")
        yield from _devices(pki, now)
    for file in named_files(settings):
        if ends := settings.secret_ends.get(file.setting):
            yield Ending(file.setting, datetime.combine(ends, time(), UTC), "docs/settings.md")
        elif not file.is_secret and (days := _days(file.place.read_bytes() if file.place.is_file() else b"")):
            # A chain ends with its first certificate, and a list of authorities with its last.
            until = min(days) if file.setting.endswith("certificate.pem") else max(days)
            yield Ending(file.setting, until, "docs/certificates.md")


def _devices(pki: SitePki, now: datetime) -> Iterator[Ending]:
    """Yield the first of the devices whose certificates end soon, with how many there are."""
    newest = {one.identity: one.certificate for one in pki.issued() if one.good(now)}
    soon = now + timedelta(days=BANDS[-1])
    devices = sorted(
        (certificate.not_valid_after_utc, one.role.value, one.site, one.name)
        for one, certificate in newest.items()
        if one.role is not DeviceRole.SERVER and certificate.not_valid_after_utc < soon
    )
    if devices:
        until, role, site, name = devices[0]
        yield Ending(f"{len(devices)} devices, first {role} {site}/{name}", until, f"{RENEW} {role} --name {name}")


def _days(content: bytes) -> list[datetime]:
    """Return until when each certificate of a file can be used; none if it has none."""
    with suppress(ValueError):
        return [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(content)]
    return []
