"""Certificates that are renewed, and those of a camera and of the port that are revoked, and had anew by invitation."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.plans import CAMERAS, PCS, PORT, PORT_DEVICE
from benchmarks.chaos.sites.running_site import RunningSite
from cekalwatch.program.secret_files import write_private
from cekalwatch.wire.identity import DeviceRole, Identity

_PORT = "port at the centre"


def _whose(there: Installation, target: str) -> tuple[RunningSite, Identity]:
    """Return whose authority answers for a target, and as what."""
    if target == _PORT:
        return there.centre, Identity(DeviceRole.PORT, PORT.key, PORT_DEVICE)
    site = there.site_of(target)
    return site, Identity(site.plan.devices[target], site.key, target)


@contextmanager
def renewed(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """A device gets a new certificate for its key while it works."""
    at, identity = _whose(there, target)
    with at.authority:
        certificate = at.site.pki.renew(identity, datetime.now(UTC))
        files = at.site.device(identity.role, identity.name, identity.site)
        write_private(files.certificate, at.site.pki.chain(certificate))
    yield


@contextmanager
def revoked(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """A device's certificate is revoked; afterwards it enrols with an invitation and a key of its own."""
    at, identity = _whose(there, target)
    with at.authority:
        at.site.pki.revoke(identity, datetime.now(UTC))
    yield
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    with at.authority:
        code = at.site.pki.invite(identity, datetime.now(UTC), timedelta(minutes=5))
        der = request.public_bytes(serialization.Encoding.DER)
        certificate = at.site.pki.enrol(code.secret, der, datetime.now(UTC))[1]
        files = at.site.device(identity.role, identity.name, identity.site)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_private(files.key, key.private_bytes(*form))
        write_private(files.certificate, at.site.pki.chain(certificate))


FAULTS = (
    Fault(FaultKind("renewed certificate", (*CAMERAS, *PCS, _PORT), 1.5, (0.1, 0.2), "certificate"), renewed),
    Fault(FaultKind("revoked camera", CAMERAS, 1.5, (2.0, 10.0), "certificate"), revoked),
    Fault(FaultKind("revoked port", (_PORT,), 0.7, (2.0, 10.0), "certificate"), revoked),
)
