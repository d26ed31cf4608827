"""A site's authority in a test's folder, and its devices' certificates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tls import FollowedTls, TlsFiles
from deploy.demo.stack import OBSERVER, StackConfig
from tests.support.scenarios import server

SITE = "batam-center"


def now() -> datetime:
    return datetime.now(UTC)


def certificate_request(names: int = 0) -> bytes:
    """A device's sound request (DER), with a new key; each of `names` has 64 characters."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * 64)] * names)
    request = x509.CertificateSigningRequestBuilder().subject_name(called).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


@dataclass
class Site:
    """An authority and a server's certificate, in the sub-folders of `folder` where the server looks for them."""

    folder: Path
    key: str = SITE
    problems: list[str] = field(default_factory=list)
    """What clients said of certificates that came and could not be used."""

    def __post_init__(self) -> None:
        self.pki = SitePki.create(self.folder / "pki", self.key, now())
        self.pki.issue(self.server, ["127.0.0.1"], self.folder / "tls", now())

    @property
    def server(self) -> Identity:
        return Identity(DeviceRole.SERVER, self.key, "main")

    def settings(self, **overrides: Any) -> ServerSettings:
        return server.settings(self.folder, **overrides)

    def device(self, role: DeviceRole, name: str, site: str = "", issued_at: datetime | None = None) -> TlsFiles:
        """The files of a device, of this site unless `site` says otherwise, issued if they are not there yet."""
        site = site or self.key
        files = TlsFiles(self.folder / "devices" / f"{site}-{role}-{name}")
        if not files.key.exists():
            hosts = ["127.0.0.1"] if role is DeviceRole.SERVER else []
            self.pki.issue(Identity(role, site, name), hosts, files.folder, issued_at or now())
        return files

    def diagnostics(self) -> FollowedTls:
        """The certificate of a technician's laptop."""
        return FollowedTls(self.device(DeviceRole.DIAGNOSTICS, "laptop"), self.problems.append)

    def stranger(self, address: str) -> grpc.aio.Channel:
        """A channel of somebody who knows the authority and has no certificate."""
        authority = TlsFiles(self.folder / "tls").authority.read_bytes()
        return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(authority))

    def dialer(self, address: str, files: TlsFiles) -> Dialer:
        return Dialer(address, FollowedTls(files, self.problems.append))


def issue_for_stack(config: StackConfig, *devices: tuple[DeviceRole, str]) -> None:
    """Make the authority and the certificates of a stack that is not open yet: its own commands are a program each."""
    pki = SitePki.create(config.folder / "server" / "pki", config.site, now())
    pki.issue(Identity(DeviceRole.SERVER, config.site, "main"), ["localhost"], config.folder / "server" / "tls", now())
    for role, name in ((DeviceRole.DIAGNOSTICS, OBSERVER), (DeviceRole.NOTIFIER, OBSERVER), *devices):
        pki.issue(Identity(role, config.site, name), [], config.folder / "tls" / f"{role}-{name}", now())
