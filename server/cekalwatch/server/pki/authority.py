"""A site's certificate authority: makes certificates and revocation lists. The ledger records them.

Keys are P-256, signatures ECDSA with SHA-256, profiles as in RFC 5280. The authority can sign only devices, no other
authority.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import make_private_folder, write_private
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.foundation.refusals import RefusedError
from cekalwatch.server.hardware.signing_key import TokenSigningKey
from cekalwatch.server.hardware.uri import TokenUri
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tls import TlsError, require_private

AUTHORITY_DAYS = 3650
DEVICE_DAYS = 398
CALLED = frozenset({DeviceRole.SERVER, DeviceRole.CONSOLE})
"""Roles that accept connections: by gRPC, and from browsers."""
CLOCKS_DIFFER = timedelta(hours=1)
"""Certificates are valid this long before they are signed, for devices whose clock is behind."""
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
"""Every server's certificate has these too: commands on its own machine use them."""
_KEY_USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True)
class Revoked:
    """A certificate that is no longer valid."""

    serial: int
    revoked_at: datetime


class Authority:
    """The authority in one folder: `authority.pem`, and `authority.key`, which never leaves it, or a key in a token."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self._key = key

    @classmethod
    def create(cls, folder: Path, name: str, now: datetime, token: TokenUri | None = None) -> Self:
        """Make a new authority in `folder`; raises ProgramError when there is one already.

        With `token`, the key is in the token, and is made there if it is missing.
        """
        if any((folder / file).exists() for file in ("authority.key", "authority.pem")):
            raise ProgramError(f"There is an authority in {folder} already; it stays as it is", Exit.USAGE)
        make_private_folder(folder)
        key = TokenSigningKey.load_or_make(token) if token else ec.generate_private_key(ec.SECP256R1())
        subject = _name(f"Cekalwatch {name}")
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCKS_DIFFER)
            .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage("key_cert_sign", "crl_sign"), critical=True)
            .add_extension(identifier, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .sign(key, hashes.SHA256())
        )
        if token is None:
            write_private(folder / "authority.key", key_pem(key))
        write_private(folder / "authority.pem", pem(certificate))
        return cls(certificate, key)

    @classmethod
    def load(cls, folder: Path, token: TokenUri | None = None) -> Self:
        """Read the authority in `folder`, whose key is in `token` if one is given; raises ProgramError.

        The token is used only for signing, so that everything else works without it.
        """
        try:
            certificate = x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes())
            public_key = certificate.public_key()
            if token and isinstance(public_key, ec.EllipticCurvePublicKey):
                return cls(certificate, TokenSigningKey.of(token, public_key))
            require_private(folder / "authority.key")
            key = serialization.load_pem_private_key((folder / "authority.key").read_bytes(), None)
        except FileNotFoundError:
            raise _no_authority(folder) from None
        except TlsError as error:
            if not (folder / "authority.key").exists():
                raise _no_authority(folder) from None
            raise ProgramError(str(error), Exit.CONFIG) from None
        except (OSError, ValueError, TypeError):
            raise ProgramError(f"The authority in {folder} cannot be read", Exit.CONFIG) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != public_key:
            raise ProgramError(f"authority.key in {folder} is not the key of authority.pem", Exit.CONFIG)
        return cls(certificate, key)

    def issue(
        self, identity: Identity, public_key: ec.EllipticCurvePublicKey, hosts: Sequence[str], now: datetime, days: int
    ) -> x509.Certificate:
        """Sign a device's certificate. `hosts` has the names and addresses of a device that accepts connections.

        Raises ProgramError when a server has no hosts, a role without connections has some, or the authority would
        expire before the certificate.
        """
        until = now + timedelta(days=days)
        if until > self.certificate.not_valid_after_utc:
            raise ProgramError(
                f"The authority itself ends on {self.certificate.not_valid_after_utc:%Y-%m-%d}: choose fewer days",
                Exit.USAGE,
            )
        if identity.role is DeviceRole.SERVER and not hosts:
            raise ProgramError("A server needs --host, a name or address under which it is reached", Exit.USAGE)
        refuse_hosts(identity, hosts)
        alternatives: list[x509.GeneralName] = [x509.UniformResourceIdentifier(identity.uri)]
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if hosts:
            alternatives += [_host(host) for host in dict.fromkeys((*hosts, *LOOPBACK_HOSTS))]
            uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
        issuer_key = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return (
            x509.CertificateBuilder()
            .subject_name(_name(identity.name))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCKS_DIFFER)
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def revocation_list(self, revoked: Iterable[Revoked], now: datetime) -> bytes:
        """Return the signed revocation list, PEM. It never expires, because servers follow the file."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now)
            .next_update(now + timedelta(days=AUTHORITY_DAYS))
        )
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(one.revoked_at).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def refuse_hosts(identity: Identity, hosts: Sequence[str]) -> None:
    """Raise ProgramError for host names of a device that accepts no connections, and for an invalid host name."""
    if hosts and identity.role not in CALLED:
        raise ProgramError("Only a server and a console have host names", Exit.USAGE)
    for host in hosts:
        _host(host)


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as unencrypted PEM, protected by the file's mode: programs must start without a person."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _no_authority(folder: Path) -> RefusedError:
    words = f"There is no authority in {folder}; make one: cekalwatch-server pki init"
    return RefusedError(Code.AUTHORITY_NOT_HERE, words, Exit.CONFIG)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _key_usage(*uses: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in uses for name in _KEY_USES})


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise ProgramError(f"{host!r} is neither a host name nor an address", Exit.USAGE) from None
