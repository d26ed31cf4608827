"""The folder of the data, the authority, the server's certificate and the key of the audit trail."""

from __future__ import annotations

from datetime import datetime, timedelta

from cekalwatch.program.checks.certificate import check_certificate
from cekalwatch.program.checks.machine import check_private
from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.server.pki.site_pki import REVOKED_FILE, SitePki
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.wire.address import is_loopback
from cekalwatch.wire.identity import DeviceRole

AUTHORITY_WITHIN = timedelta(days=398)
"""An authority that has less left cannot give a device a certificate of the usual length."""


def check_folder(settings: ServerSettings) -> Judged:
    """See that the data folder is there, and its owner's only."""
    if not settings.data_dir.is_dir():
        return CheckVerdict.FAIL, f"there is no {settings.data_dir}: set the site up with `cekalwatch-server init`"
    verdict, text = check_private(settings.data_dir, "the data in")
    # Each file in it has a mode of its own.
    return (CheckVerdict.OK if verdict is CheckVerdict.OK else CheckVerdict.WARN), text


def check_authority(settings: ServerSettings, now: datetime) -> Judged:
    """See that the site's authority can be used, and has its revocation list. Raises ProgramError."""
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


def check_server_certificate(settings: ServerSettings, now: datetime) -> Judged:
    """Say until when the server's certificate is valid; without one, only this machine may reach it."""
    if settings.tls_path.exists():
        return check_certificate(settings.tls_path, DeviceRole.SERVER, None, now)
    if is_loopback(settings.listen):
        return CheckVerdict.WARN, f"none in {settings.tls_path}: only programs on this machine can connect"
    return CheckVerdict.FAIL, f"none in {settings.tls_path}: `pki issue --role server --name main --host NAME`"


def check_audit_key(settings: ServerSettings) -> Judged:
    """See that the key of the audit trail is there, with what it has signed. Raises ProgramError."""
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
