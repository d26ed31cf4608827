"""TLS files: one folder with a certificate, its key and the authority's certificate, read again when they change.

TLS is mutual: a peer without a certificate of the authority fails the handshake.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from cekalwatch.program.platform.access import OTHERS_OR_WRITING, remedy, shared_with
from cekalwatch.program.platform.secrets import opened

RETRY_PERIOD_S = 2.0


class TlsError(Exception):
    """Unusable files; the message says which one and what to do."""


@dataclass(frozen=True)
class TlsMaterial:
    """What a handshake needs, PEM."""

    certificate: bytes
    """The own certificate, then the intermediate ones."""
    key: bytes
    authority: bytes
    """Certificates of the authorities that the peer's must come from."""

    def channel_credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)

    def server_configuration(self) -> grpc.ServerCertificateConfiguration:
        """Return a server's certificate, and the authority that clients' certificates must come from."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificate)], self.authority)


@dataclass(frozen=True)
class TlsFiles:
    """The three files in their folder. Files of an existing authority, or links to them, can be used as well."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The own certificate and the intermediate ones."""
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        """The private key; only its owner and its group may read it."""
        return self.folder / "key.pem"

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def read(self) -> TlsMaterial:
        """Read all three and check that they belong together; raises TlsError."""
        require_private(self.key)
        try:
            kept = self.key.read_bytes()
            key = opened(kept)
            # OpenSSL checks the format, and that the key belongs to the certificate; it reads no sealed file.
            if key is kept:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password="")
            elif not _belongs(key, self.certificate.read_bytes()):
                raise TlsError(f"The key in {self.folder} is not that of its certificate")
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self.authority)
            return TlsMaterial(self.certificate.read_bytes(), key, self.authority.read_bytes())
        except ssl.SSLError as error:
            reason = (error.reason or "not PEM").replace("_", " ").lower()
            raise TlsError(f"The certificate, key and authority in {self.folder} do not work: {reason}") from None
        except OSError as error:
            raise TlsError(
                f"{self.folder} must have certificate.pem, key.pem and authority.pem: {error.strerror}"
            ) from None

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Return a value that changes when a file is replaced, appears or disappears."""
        return tuple(_stamp(file) for file in (self.certificate, self.key, self.authority))


def _belongs(key: bytes, certificate: bytes) -> bool:
    """Return whether a key is that of a certificate; the programs on Windows have this library."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(key, None).public_key() == x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError:
        return False


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino


def require_private(file: Path) -> None:
    """Raise TlsError when others than owner and group may read `file`; on Windows, when everybody may."""
    try:
        found = shared_with(file, file.stat().st_mode, OTHERS_OR_WRITING)
    except OSError as error:
        raise TlsError(f"{file} cannot be read: {error.strerror}") from None
    if found:
        raise TlsError(f"Other accounts can read or change the private key {file} ({found}); run: {remedy(file)}")


class FollowedTls:
    """The newest usable content of `files`: while they do not belong together, the last good content stays in use."""

    def __init__(
        self, files: TlsFiles, on_problem: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the files; raises TlsError. `on_problem` is called with a sentence when a later change is unusable."""
        self.files = files
        self._on_problem = on_problem
        self._monotonic = monotonic
        self._stamp = files.stamp()
        self._material = files.read()
        self._tried: tuple[tuple[tuple[int, int, int], ...], str, float] | None = None
        """A change that could not be used: its stamp, why, and when it is tried again."""

    def current(self) -> TlsMaterial:
        """Return the content, read again when a file has changed. Thread-safe.

        What cannot be used is tried again every RETRY_PERIOD_S seconds, since the reason may have been this machine's:
        each handshake asks, so that it is not tried more often.
        """
        stamp, tried = self.files.stamp(), self._tried
        if stamp == self._stamp or (tried and tried[0] == stamp and self._monotonic() < tried[2]):
            return self._material
        try:
            self._material = self.files.read()
        except TlsError as error:
            if not tried or tried[1] != str(error):
                self._on_problem(str(error))
            self._tried = stamp, str(error), self._monotonic() + RETRY_PERIOD_S
        else:
            # Only now: what could not be read is read again.
            self._stamp, self._tried = stamp, None
        return self._material

    def server_credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files and require a client certificate of the authority."""
        return self._credentials(require_client_authentication=True)

    def enrolment_credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files, for devices that have no certificate yet."""
        return self._credentials(require_client_authentication=False)

    def _credentials(self, *, require_client_authentication: bool) -> grpc.ServerCredentials:
        shown = self.current()

        def changed() -> grpc.ServerCertificateConfiguration | None:
            """Return new credentials, or None when nothing has changed; gRPC asks at each handshake.

            gRPC rebuilds everything for new credentials, which must stay rare: connections that are made at that moment
            can fail, and grpcio 1.85 crashed when every handshake got new ones.
            """
            nonlocal shown
            newest = self.current()
            if newest is shown:
                return None
            shown = newest
            return newest.server_configuration()

        return grpc.dynamic_ssl_server_credentials(
            shown.server_configuration(),
            changed,  # type: ignore[arg-type]  # its typing stub forgets the None that its documentation has
            require_client_authentication=require_client_authentication,
        )
