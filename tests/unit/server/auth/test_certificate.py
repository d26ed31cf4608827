"""Certificates as the gate reads them: exactly one of our URIs, revocation lists, and the moment they run out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from cekalwatch.contract.values.rights import Reach
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.audit.device_entries import device
from cekalwatch.server.auth.certificate import TlsCertificateAuthentication, peer_of
from cekalwatch.server.auth.sessions import Device
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.pki.revocations import CertificateKey, Revocations
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tls import TlsFiles
from tests.support.scenarios.site_pki import SITE, Site, now

CAMERA = Identity(DeviceRole.CAMERA, SITE, "dep-1")
METHOD = "/cekalwatch.v1.CaptureService/StreamFaces"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def certificate_with(*names: x509.GeneralName) -> bytes:
    """A certificate of anybody's, with these alternative names: the handshake has verified it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def uri(value: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(value)


def test_one_uri_of_ours_names_the_device_whatever_else_there_is() -> None:
    pem = certificate_with(uri("spiffe://office/pc"), uri(CAMERA.uri), x509.DNSName("pc.local"))
    assert peer_of(pem).identity == CAMERA


@pytest.mark.parametrize(
    "names",
    [
        (),
        (x509.DNSName("dep-1"),),
        (uri("spiffe://batam-center/camera/dep-1"),),
        (uri(CAMERA.uri), uri("cekalwatch://batam-center/server/main")),
        (uri(CAMERA.uri), uri("CEKALWATCH://batam-center/server/main")),
        (uri(CAMERA.uri + "/"),),
        (x509.RFC822Name("cekalwatch@batam.local"), uri("cekalwatch:camera")),
    ],
)
def test_certificate_that_names_no_device_or_two_is_refused(names: tuple[x509.GeneralName, ...]) -> None:
    with pytest.raises(CekalwatchError) as refused:
        peer_of(certificate_with(*names))
    assert refused.value.code is Code.IDENTITY_INVALID


@pytest.mark.parametrize("pem", [b"", b"nonsense"])
def test_connection_without_a_certificate_has_no_identity(pem: bytes) -> None:
    with pytest.raises(CekalwatchError) as refused:
        peer_of(pem)
    assert refused.value.code is Code.IDENTITY_INVALID


class HandClock(SystemClock):
    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


def revocations(site: Site) -> Revocations:
    return Revocations(site.folder / "pki" / "revoked.pem", TlsFiles(site.folder / "tls").authority, HandClock())


def leaf(site: Site) -> bytes:
    files = site.device(DeviceRole.CAMERA, "dep-1")
    certificate = x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]
    return certificate.public_bytes(serialization.Encoding.PEM)


def test_gate_lets_in_until_the_certificate_is_revoked_or_runs_out(site: Site) -> None:
    clock = HandClock()
    gate = TlsCertificateAuthentication(revocations(site), frozenset({SITE}), clock)
    pem = leaf(site)
    admitted = gate.admit(METHOD, pem)
    assert (admitted.identity, admitted.reach, admitted.needs) == (CAMERA, Reach.ITSELF, frozenset())
    known = CertificateKey.of(x509.load_pem_x509_certificate(pem))
    assert admitted.device == Device(device(CAMERA), peer_of(pem).device.binding, SITE, known.text)
    assert CertificateKey.parse(known.text) == known
    clock.moment += timedelta(days=398, minutes=1)  # it was issued after the clock was made
    assert gate.refusal(pem) is Code.CERTIFICATE_EXPIRED
    clock.moment -= timedelta(days=1)
    assert gate.refusal(pem) is None
    site.pki.revoke(CAMERA, now())
    gate.follow()
    assert gate.refusal(pem) is Code.CERTIFICATE_REVOKED
    with pytest.raises(CekalwatchError) as refused:
        gate.admit(METHOD, pem)
    assert refused.value.code is Code.CERTIFICATE_REVOKED


def test_a_renewed_certificate_is_the_same_device_and_that_of_another_name_or_authority_is_not(
    site: Site, tmp_path: Path
) -> None:
    present = leaf(site)
    renewed = site.pki.renew(CAMERA, now()).public_bytes(serialization.Encoding.PEM)
    assert renewed != present
    assert peer_of(renewed).device.binding == peer_of(present).device.binding
    neighbour = x509.load_pem_x509_certificates(site.device(DeviceRole.CAMERA, "dep-2").certificate.read_bytes())[0]
    namesake = leaf(Site(tmp_path / "authority-of-the-same-name"))
    assert peer_of(neighbour.public_bytes(serialization.Encoding.PEM)).device.binding != peer_of(present).device.binding
    assert peer_of(namesake).device.binding != peer_of(present).device.binding


def test_authority_without_lists_revokes_nothing(site: Site) -> None:
    gate = TlsCertificateAuthentication(None, frozenset({SITE}), HandClock())
    gate.follow()
    assert gate.refusal(leaf(site)) is None


@pytest.mark.parametrize("damage", ["gone", "nonsense", "another authority's"])
def test_damaged_list_changes_nothing_that_was_known_and_a_new_server_does_not_start_with_it(
    site: Site, tmp_path: Path, damage: str
) -> None:
    key = CertificateKey.of(x509.load_pem_x509_certificate(leaf(site)))
    site.pki.revoke(CAMERA, now())
    known = revocations(site)
    assert key in known
    file = site.folder / "pki" / "revoked.pem"
    match damage:
        case "gone":
            file.unlink()
        case "nonsense":
            file.write_bytes(b"nonsense")
        case _:
            other = Site(tmp_path / "other")
            file.write_bytes((other.folder / "pki" / "revoked.pem").read_bytes())
    with capture_logs() as logs:
        known.follow()
        known.follow()
    assert key in known
    assert {entry["event"] for entry in logs} == {"revocations_unreadable"}
    with pytest.raises(ProgramError, match=r"revocation list .* cannot be used"):
        revocations(site)


def test_lists_of_several_authorities_stand_in_one_file(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    keys = [CertificateKey.of(x509.load_pem_x509_certificate(leaf(one))) for one in (site, other)]
    for one in (site, other):
        one.pki.revoke(CAMERA, now())
    lists, authorities = tmp_path / "lists.pem", tmp_path / "authorities.pem"
    write_private(lists, b"".join((one.folder / "pki" / "revoked.pem").read_bytes() for one in (site, other)))
    write_private(authorities, site.pki.authority_pem + other.pki.authority_pem)
    both = Revocations(lists, authorities, HandClock())
    assert [key in both for key in keys] == [True, True]
