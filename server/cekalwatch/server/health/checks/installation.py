"""All checks, in the order in which a person would fix what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from cekalwatch.program.checks.certificate import check_certificate
from cekalwatch.program.checks.machine import check_clock_set, check_disk, check_private, check_settings
from cekalwatch.program.checks.results import CheckResult, CheckVerdict, Judged
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.settings import LoadedSettings
from cekalwatch.server.health.checks.data import check_backup, check_data
from cekalwatch.server.health.checks.devices import check_devices
from cekalwatch.server.health.checks.network import check_enrolment, check_listen, check_metrics, other_places
from cekalwatch.server.pki.site_pki import REVOKED_FILE, SitePki
from cekalwatch.server.recognition.packs.installed import load_named
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.wire.address import is_loopback
from cekalwatch.wire.identity import DeviceRole

AUTHORITY_WITHIN = timedelta(days=398)
"""An authority that has less left cannot give a device a certificate of the usual length."""


def check_installation(loaded: LoadedSettings[ServerSettings], now: datetime) -> Iterator[CheckResult]:
    """Yield each result as soon as it is there; each takes some seconds at most."""
    settings = loaded.values
    yield CheckResult("settings", *check_settings(loaded))
    yield CheckResult("folder", *_check_folder(settings))
    yield CheckResult("disk", *check_disk(settings.data_dir, "nothing can be recorded when it is full"))
    yield CheckResult("clock", *check_clock_set())
    yield CheckResult("authority", *_or_failure(lambda: _check_authority(settings, now)))
    yield CheckResult("certificate", *_check_server_certificate(settings, now))
    yield from check_data(settings, now)
    yield CheckResult("audit key", *_or_failure(lambda: _check_audit_key(settings)))
    yield CheckResult("backup", *check_backup(settings, now))
    yield CheckResult("model pack", *_or_failure(lambda: _check_pack(settings)))
    yield from check_devices(settings, now)
    yield CheckResult("server", *_or_failure(lambda: check_listen(settings)))
    yield CheckResult("enrolment", *check_enrolment(settings))
    yield CheckResult("metrics", *check_metrics(settings))
    for subject, judged in other_places(settings):
        yield CheckResult(subject, *judged)


def _check_folder(settings: ServerSettings) -> Judged:
    if not settings.data_dir.is_dir():
        return CheckVerdict.FAIL, f"there is no {settings.data_dir}: set the site up with `cekalwatch-server init`"
    verdict, text = check_private(settings.data_dir, "the data in")
    # Each file in it has a mode of its own.
    return (CheckVerdict.OK if verdict is CheckVerdict.OK else CheckVerdict.WARN), text


def _check_authority(settings: ServerSettings, now: datetime) -> Judged:
    folder = settings.pki_path
    if not (folder / "authority.pem").exists():
        if settings.revocations:
            return CheckVerdict.OK, f"an authority elsewhere; its revocations are in {settings.revocations}"
        return CheckVerdict.WARN, f"none in {folder}: no device elsewhere can connect; make it with `init`"
    pki = SitePki.load(folder, settings.authority_token)
    until = pki.valid_until
    if not (settings.revocations or folder / REVOKED_FILE).exists():
        return CheckVerdict.FAIL, f"there is no {settings.revocations or folder / REVOKED_FILE}: restore {folder}"
    text = f"{folder}, valid until {until:%Y-%m-%d}; keep a copy of it under lock"
    if until <= now:
        return CheckVerdict.FAIL, f"{text}: it has ended, set the site up anew (docs/certificates.md)"
    return (CheckVerdict.WARN if until - now < AUTHORITY_WITHIN else CheckVerdict.OK), text


def _check_server_certificate(settings: ServerSettings, now: datetime) -> Judged:
    if settings.tls_path.exists():
        return check_certificate(settings.tls_path, DeviceRole.SERVER, None, now)
    if is_loopback(settings.listen):
        return CheckVerdict.WARN, f"none in {settings.tls_path}: only programs on this machine can connect"
    return CheckVerdict.FAIL, f"none in {settings.tls_path}: `pki issue --role server --name main --host NAME`"


def _check_audit_key(settings: ServerSettings) -> Judged:
    key, ledger = settings.present_audit_key(), settings.audit_ledger_file
    if key is None and ledger.exists():
        return CheckVerdict.FAIL, (
            f"{settings.audit_key_file} is gone: put it back from where its copy is kept (docs/audit.md)"
        )
    if key is None:
        return CheckVerdict.WARN, f"none yet; the first start makes {settings.audit_key_file}"
    if not ledger.exists():
        return CheckVerdict.FAIL, f"there is no {ledger}, so that nothing is signed: restore it (docs/audit.md)"
    return CheckVerdict.OK, f"{settings.audit_key_from or settings.audit_key_file}; keep a copy of it under lock"


def _check_pack(settings: ServerSettings) -> Judged:
    pack = load_named(settings.models_path, settings.model_pack)
    return CheckVerdict.OK, f"{pack.name} ({pack.model_version}) in {pack.folder}"


def _or_failure(look: Callable[[], Judged]) -> Judged:
    """Return the result, or a failure with the reason why there is none."""
    try:
        return look()
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)
