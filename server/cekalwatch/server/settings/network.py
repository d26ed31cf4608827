"""The server's communication: addresses, certificates, and sign-in."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from cekalwatch.program.connection import follow
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.settings import Settings
from cekalwatch.program.traces import TraceTerms
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms, SessionTerms
from cekalwatch.server.hardware.uri import TokenUri
from cekalwatch.server.settings.storage import StorageSection, token_uri
from cekalwatch.wire.address import address_form, address_or_none, is_loopback
from cekalwatch.wire.tls import FollowedTls


class NetworkSection(StorageSection):
    """Addresses, certificates and time limits of connections."""

    listen: Annotated[str, AfterValidator(address_form)] = "127.0.0.1:50051"
    """HOST:PORT of the gRPC server. With port 0 the system chooses one, and the log says which."""
    server_name: Annotated[str, Field(max_length=64, pattern=r"^[\w.-]*$")] = ""
    """Name of this server in the audit trail, status and problems; empty: that of the machine. Servers that share a
    database have one each."""
    tls_dir: Path | None = None
    """Folder with certificate.pem, key.pem and authority.pem; when not set, `data_dir`/tls. While the folder does not
    exist, the server speaks plaintext, and only on this machine."""
    pki_dir: Path | None = None
    """Folder of the site's own authority; when not set, `data_dir`/pki."""
    authority_key_from: Annotated[str, AfterValidator(token_uri)] = ""
    """PKCS#11 URI (RFC 7512) of the authority's key, when it is in a token; empty: authority.key in `pki_dir`."""
    revocations: Path | None = None
    """Revocation lists (PEM) of the authorities in authority.pem; when not set, revoked.pem of `pki_dir`."""
    revocations_limit_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Seconds for which the revocation lists may be unreadable before that is a problem, and the server's health says
    NOT_SERVING. The lists that were read last stay in force."""
    enrolment_listen: Annotated[str, AfterValidator(address_or_none)] = ""
    """HOST:PORT at which devices with an invitation enrol, with another TCP port than `listen`; empty: no device can
    enrol."""
    connections: Annotated[int, Field(ge=32, le=50_000)] = 2_000
    """Most connections at one time; fewer if the account may not open that many files."""
    connections_per_address: Annotated[int, Field(ge=1, le=50_000)] = 200
    """Connections that one address may have, with certificates; of an IPv6 address, its first 64 bits count. Each
    camera of a capture host has one, each notifier up to four."""
    keep_alive_period_seconds: Annotated[float, Field(gt=0, le=300)] = 1.0
    """Seconds between signs of life on a stream of alerts, which say whether a listed traveller would ring; with more,
    screens say later than within 10 seconds that a part has failed."""
    reader_stall_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds for which a client may leave messages of a stream unread; then the server ends the stream."""

    @property
    def name(self) -> str:
        """The name of this server."""
        return self.server_name or platform.node() or "unnamed"

    @property
    def tls_path(self) -> Path:
        """The folder of the server's certificate."""
        return self.tls_dir or self.data_dir / "tls"

    @property
    def pki_path(self) -> Path:
        """The folder of the site's authority."""
        return self.pki_dir or self.data_dir / "pki"

    @property
    def authority_token(self) -> TokenUri | None:
        """Where the authority's key is; None means in its folder."""
        return TokenUri.parse(self.authority_key_from, self.data_dir) if self.authority_key_from else None

    def tls(self) -> FollowedTls | None:
        """Return the server's certificate; None means plaintext, which is allowed only on loopback. Raises
        ProgramError."""
        tls = follow(self.tls_path)
        if tls is None and not is_loopback(self.listen):
            raise ProgramError(
                f"{self.listen} can be reached from other machines, and there is no certificate in {self.tls_path}: "
                "make one with `cekalwatch-server pki init` and `pki issue --role server`",
                Exit.CONFIG,
            )
        if tls is None and self.enrolment_listen:
            raise ProgramError(f"Devices cannot enrol without a certificate in {self.tls_path}", Exit.CONFIG)
        return tls


@dataclass(frozen=True)
class MetricsTerms:
    """The listener for monitoring: `[metrics]`. docs/monitoring.md explains it."""

    listen: Annotated[str, AfterValidator(address_or_none)] = ""
    """HOST:PORT of the metrics for Prometheus and of a page for people, for example 127.0.0.1:9465; empty: none. On an
    address that other machines reach, the server shows its certificate, and asks for one of the site."""

    def require_safe(self, tls: FollowedTls | None) -> None:
        """Raise ProgramError where metrics would leave this machine without certificates."""
        if self.listen and not tls and not is_loopback(self.listen):
            raise ProgramError(
                f"Metrics would be served at {self.listen} without certificates: listen on this machine, for example "
                "127.0.0.1:9465, or enrol the server first (docs/certificates.md)",
                Exit.CONFIG,
            )


class MonitoringSection(Settings):
    """What watches the server."""

    metrics: MetricsTerms = MetricsTerms()
    """Metrics, and a page on the health of the server (docs/monitoring.md)."""
    traces: TraceTerms = TraceTerms()
    """Traces of captures (docs/monitoring.md)."""


class SignInSection(Settings):
    """Sessions and the identity provider."""

    session_lifetime_hours: Annotated[float, Field(gt=0, le=24)] = 12.0
    """Hours for which a person stays signed in, however busy."""
    session_idle_minutes: Annotated[float, Field(gt=0, le=480)] = 15.0
    """Minutes for which a person stays signed in without doing anything."""
    openid: OpenIdTerms | None = None
    """The identity provider through which people may sign in, besides passwords."""

    @property
    def session_terms(self) -> SessionTerms:
        """How long people stay signed in."""
        return SessionTerms(timedelta(hours=self.session_lifetime_hours), timedelta(minutes=self.session_idle_minutes))
