"""TLS material: one folder with a certificate, its key and the authority, read whole and followed for changes.

Both ends use TLS in both directions: who has no certificate of the authority does not get through the handshake.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

OTHERS_MAY = 0o027
"""Mode bits that a key must not have: the group may read (a service's group), and nobody else anything."""


class TlsError(Exception):
    """Material that cannot be used; the message says which file and what to do."""


@dataclass(frozen=True)
class TlsMaterial:
    """What a handshake needs, PEM."""

    certificate: bytes
    """The own certificate, then those between it and the authority."""
    key: bytes
    authority: bytes
    """Certificates of the authorities that the other end's must come from."""

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Return a client's credentials."""
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)

    def server_configuration(self) -> grpc.ServerCertificateConfiguration:
        """Return what a server shows, and what it wants of clients."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificate)], self.authority)


@dataclass(frozen=True)
class TlsFiles:
    """Where the material is. Files of an existing authority, or links to them, may stand there as well."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The own certificate and those above it."""
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        """The private key; nobody but its owner, and at most its group, may read it."""
        return self.folder / "key.pem"

    @property
    def authority(self) -> Path:
        """The authority's certificates."""
        return self.folder / "authority.pem"

    def read(self) -> TlsMaterial:
        """Read all three and see that they go together; raises TlsError."""
        require_private(self.key)
        try:
            # OpenSSL's own judgement: it knows whether this is a certificate, and whether the key is its key.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password="")
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self.authority)
            return TlsMaterial(self.certificate.read_bytes(), self.key.read_bytes(), self.authority.read_bytes())
        except ssl.SSLError as error:
            reason = (error.reason or "not PEM").replace("_", " ").lower()
            raise TlsError(f"The certificate, key and authority in {self.folder} do not work: {reason}") from None
        except OSError as error:
            raise TlsError(
                f"{self.folder} must have certificate.pem, key.pem and authority.pem: {error.strerror}"
            ) from None

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when a file is replaced; a file that is missing counts as a state like others."""
        return tuple(_stamp(file) for file in (self.certificate, self.key, self.authority))


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino


def require_private(file: Path) -> None:
    """Raise TlsError when others than the owner and its group may read `file`; Windows has no such modes."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        raise TlsError(f"{file} cannot be read: {error.strerror}") from None
    if os.name == "posix" and mode & OTHERS_MAY:
        raise TlsError(f"Others may read or change the private key {file}; run: chmod 600 {file}")


class FollowedTls:
    """The newest usable material of `files`. A half-written pair is passed over: what was read before stays in use."""

    def __init__(self, files: TlsFiles, on_problem: Callable[[str], None]) -> None:
        """Read the files; raises TlsError. `on_problem` gets a sentence when a later change cannot be used."""
        self.files = files
        self._on_problem = on_problem
        self._stamp = files.stamp()
        self._material = files.read()

    def current(self) -> TlsMaterial:
        """Return the material, read anew where a file has changed. Any thread may ask."""
        stamp = self.files.stamp()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._material = self.files.read()
            except TlsError as error:
                self._on_problem(str(error))
        return self._material

    def server_credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files, and take only clients with a certificate of the authority."""
        return self._credentials(require_client_authentication=True)

    def enrolment_credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files, for devices that have no certificate yet."""
        return self._credentials(require_client_authentication=False)

    def _credentials(self, *, require_client_authentication: bool) -> grpc.ServerCredentials:
        shown = self.current()

        def changed() -> grpc.ServerCertificateConfiguration | None:
            """Answer each handshake, None meaning that all is as before.

            gRPC builds everything anew on another answer, which must stay rare: connections that are made in that very
            moment can fail, and in 1.85 have crashed the process when every handshake got one.
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
