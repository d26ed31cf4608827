"""The simulated application's certificates: an authority of its own, a sound and an expired one, and a client's."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tls import TlsFiles

_SITE = "simulator"
_HOSTS = ("127.0.0.1", "localhost")


class SimulatorCertificates:
    """Certificates in `folder`; they are made when it does not exist."""

    def __init__(self, folder: Path, *, ask_clients: bool = False) -> None:
        """`ask_clients`: let in nobody without the client's certificate."""
        self._folder = folder
        self._ask_clients = ask_clients
        if not folder.exists():
            self._make()

    @property
    def authority(self) -> Path:
        """File of the authority's certificate."""
        return TlsFiles(self._folder / "server").authority

    @property
    def client(self) -> Path:
        """Folder of the client's certificate and key."""
        return self._folder / "client"

    def context(self, *, expired: bool) -> ssl.SSLContext:
        """Return what a handshake of the server uses."""
        files = TlsFiles(self._folder / ("expired" if expired else "server"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        if self._ask_clients:
            context.load_verify_locations(files.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _make(self) -> None:
        now = datetime.now(UTC)
        before = now - timedelta(days=10)
        pki = SitePki.create(self._folder / "authority", _SITE, before)
        for name, hosts, issued, days in (
            ("server", _HOSTS, now, 30),
            ("expired", _HOSTS, before, 5),
            ("client", (), now, 30),
        ):
            role = DeviceRole.SERVER if hosts else DeviceRole.CAMERA
            pki.issue(Identity(role, _SITE, name), list(hosts), self._folder / name, issued, days)
