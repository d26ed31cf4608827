"""Certificates that are renewed, and a camera's that is revoked, after which the camera is invited anew."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.port import HOSTS, PCS, Port
from benchmarks.chaos.schedule import FaultKind
from cekalwatch.program.secret_files import write_private
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.scenarios.site_pki import SITE

_CAMERAS = tuple(plan.camera_id for plans in HOSTS.values() for plan in plans)
_PCS = tuple(plan.name for plan in PCS)


def _identity(target: str) -> Identity:
    return Identity(DeviceRole.CAMERA if target in _CAMERAS else DeviceRole.NOTIFIER, SITE, target)


@contextmanager
def renewed(port: Port, target: str, _: random.Random) -> Iterator[None]:
    """A device gets a new certificate for its key while it works."""
    identity = _identity(target)
    with port.authority:
        certificate = port.site.pki.renew(identity, datetime.now(UTC))
        files = port.site.device(identity.role, target)
        write_private(files.certificate, port.site.pki.chain(certificate))
    yield


@contextmanager
def revoked(port: Port, target: str, _: random.Random) -> Iterator[None]:
    """A camera's certificate is revoked; afterwards the camera enrols with an invitation and a key of its own."""
    identity = _identity(target)
    with port.authority:
        port.site.pki.revoke(identity, datetime.now(UTC))
    yield
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    with port.authority:
        code = port.site.pki.invite(identity, datetime.now(UTC), timedelta(minutes=5))
        der = request.public_bytes(serialization.Encoding.DER)
        certificate = port.site.pki.enrol(code.secret, der, datetime.now(UTC))[1]
        files = port.site.device(identity.role, target)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_private(files.key, key.private_bytes(*form))
        write_private(files.certificate, port.site.pki.chain(certificate))


FAULTS = (
    Fault(FaultKind("renewed certificate", (*_CAMERAS, *_PCS), 1.5, (0.1, 0.2), "certificate"), renewed),
    Fault(FaultKind("revoked camera", _CAMERAS, 1.5, (2.0, 10.0), "certificate"), revoked),
)
