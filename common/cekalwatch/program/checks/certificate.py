"""What `check` says of a device's certificate: whose it is, until when, and whether its files go together."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError
from cekalwatch.wire.tls import TlsError, TlsFiles

RENEW_WITHIN = timedelta(days=30)
"""A certificate that has less left should be renewed."""


def check_certificate(tls_dir: Path, role: DeviceRole, name: str | None, now: datetime, program: str = "") -> Judged:
    """Say whose certificate this is, and until when it is valid; `name`: whose it must be, None for any.

    `program` is the one that has this device, when it has not the name of the role.
    """
    if not tls_dir.exists():
        then = "" if role is DeviceRole.SERVER else f"; with its invitation: {program or f'cekalwatch-{role}'} init"
        return CheckVerdict.WARN, f"none in {tls_dir}: only programs on this machine can be reached{then}"
    try:
        certificate = read_certificate(tls_dir)
        identity = identity_of(certificate)
        TlsFiles(tls_dir).read()
    except (OSError, ValueError, TlsError, x509.ExtensionNotFound) as error:
        reason = (error.strerror or "no reason given") if isinstance(error, OSError) else str(error)
        return CheckVerdict.FAIL, f"{TlsFiles(tls_dir).certificate} cannot be used: {reason}"
    if identity.role is not role or name not in {None, identity.name}:
        whose = f"that of the {role} {name}" if name else f"a {role}'s"
        return CheckVerdict.FAIL, f"{identity.uri}: it is not {whose}"
    return judge_dates(identity, certificate, now)


def judge_dates(identity: Identity, certificate: x509.Certificate, now: datetime) -> Judged:
    """Say until when a certificate is valid."""
    until, left = certificate.not_valid_after_utc, certificate.not_valid_after_utc - now
    text = f"{identity.uri}, valid until {until:%Y-%m-%d} ({left.days} days)"
    if left <= timedelta() or now < certificate.not_valid_before_utc:
        return CheckVerdict.FAIL, f"{text}: not valid now; is this machine's clock right?"
    if left < RENEW_WITHIN:
        return CheckVerdict.WARN, f"{text}: renew it (docs/certificates.md)"
    return CheckVerdict.OK, text


def read_certificate(tls_dir: Path) -> x509.Certificate:
    """Return the device's certificate in `tls_dir`; raises OSError or ValueError."""
    return x509.load_pem_x509_certificate(TlsFiles(tls_dir).certificate.read_bytes())


def identity_of(certificate: x509.Certificate) -> Identity:
    """Return whose certificate it is; raises IdentityError or ExtensionNotFound."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise IdentityError("it names no device")
    return Identity.parse(uris[0])
