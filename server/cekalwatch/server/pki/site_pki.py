"""A site's certificates in one folder: authority, ledger and revocation list, kept together.

authority.pem, authority.key    the authority; the key may be in a token instead
ledger.sqlite3                  what it signed
revoked.pem                     what is revoked; servers follow this file
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import make_private_folder, write_private
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.foundation.refusals import RefusedError
from cekalwatch.server.hardware.errors import TokenError
from cekalwatch.server.hardware.uri import TokenUri
from cekalwatch.server.pki.authority import DEVICE_DAYS, LOOPBACK_HOSTS, Authority, Revoked, key_pem, pem, refuse_hosts
from cekalwatch.server.pki.ledger import Invitation, Issued, Ledger
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import InvitationCode, digest
from cekalwatch.wire.tls import TlsFiles

REVOKED_FILE = "revoked.pem"


class SitePki:
    """Makes, renews and revokes a site's certificates."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self._folder = folder
        self._authority = authority
        self._ledger = Ledger(folder / "ledger.sqlite3")

    @classmethod
    def create(cls, folder: Path, name: str, now: datetime, token: TokenUri | None = None) -> Self:
        """Make a new authority with nothing signed or revoked; raises ProgramError when there is one."""
        made = cls(folder, Authority.create(folder, name, now, token))
        made.publish_revoked(now)
        return made

    @classmethod
    def load(cls, folder: Path, token: TokenUri | None = None) -> Self:
        """Open the folder of an authority, whose key is in `token` if one is given; raises ProgramError."""
        return cls(folder, Authority.load(folder, token))

    @property
    def authority_pem(self) -> bytes:
        """The authority's certificate."""
        return pem(self._authority.certificate)

    @property
    def valid_until(self) -> datetime:
        """End of the validity of the authority's own certificate."""
        return self._authority.certificate.not_valid_after_utc

    def issue(
        self, identity: Identity, hosts: Sequence[str], out: Path, now: datetime, days: int = DEVICE_DAYS
    ) -> x509.Certificate:
        """Write a new key, its certificate and the authority into the folder `out`; raises ProgramError."""
        files = TlsFiles(out)
        if files.key.exists() or files.certificate.exists():
            raise ProgramError(
                f"There is a certificate in {out} already; choose another --out, or renew it", Exit.USAGE
            )
        self._refuse_second(identity, now)
        self._refuse_name_of_server(identity, hosts, now)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._authority.issue(identity, key.public_key(), hosts, now, days)
        make_private_folder(out)
        self._ledger.enter(identity, certificate)
        write_private(files.authority, self.authority_pem)
        write_private(files.key, key_pem(key))
        write_private(files.certificate, self.chain(certificate))
        return certificate

    def renew(self, identity: Identity, now: datetime, days: int = DEVICE_DAYS) -> x509.Certificate:
        """Sign a new certificate for the key of the last one, which may have expired; raises ProgramError."""
        held = [one for one in self._ledger.issued(identity) if not one.revoked_at]
        if not held:
            raise ProgramError(f"{identity.uri} has no certificate in force: issue or invite it first", Exit.USAGE)
        former = held[-1].certificate
        public_key = former.public_key()
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            raise ProgramError(f"The key of {identity.uri} is of another kind than this authority's", Exit.CONFIG)
        certificate = self._authority.issue(identity, public_key, hosts_of(former), now, days)
        self._ledger.enter(identity, certificate)
        return certificate

    def revoke(self, identity: Identity, now: datetime) -> int:
        """Revoke every certificate of `identity`; return how many were in force. If it raises, nothing is revoked."""
        return self._ledger.revoke(identity, now, lambda revoked: self._publish(revoked, now))

    def publish_revoked(self, now: datetime) -> None:
        """Write the revocation list."""
        self._ledger.publish_revoked(lambda revoked: self._publish(revoked, now))

    def _publish(self, revoked: list[Revoked], now: datetime) -> None:
        write_private(self._folder / REVOKED_FILE, self._authority.revocation_list(revoked, now))

    def invite(
        self, identity: Identity, now: datetime, valid_for: timedelta, hosts: Sequence[str] = ()
    ) -> InvitationCode:
        """Allow a device to enrol once, and return its code, which is not stored. Raises ProgramError.

        A console's certificate will have `hosts`, the names and addresses that browsers use.
        """
        if identity.role is DeviceRole.SERVER:
            raise RefusedError(Code.DEVICE_KEPT_ELSEWHERE, "A server is not invited; use: pki issue --role server")
        self._refuse_second(identity, now)
        refuse_hosts(identity, hosts)
        self._refuse_name_of_server(identity, hosts, now)
        code = InvitationCode.new(self._authority.certificate.public_bytes(serialization.Encoding.DER))
        self._ledger.invite(digest(code.secret), Invitation(identity, now + valid_for, tuple(hosts)))
        return code

    def cancel_invitation(self, identity: Identity, now: datetime) -> bool:
        """Withdraw the open invitation of a device; return whether there was one."""
        return self._ledger.cancel_invitation(identity, now)

    def enrol(self, secret: bytes, request_der: bytes, now: datetime) -> tuple[Identity, x509.Certificate]:
        """Take an invitation's secret and a device's request (DER); return the device's identity and certificate.

        The identity comes from the invitation; a name in the request is ignored. Raises CekalwatchError; if nothing
        could be signed, the invitation can be used again.
        """
        public_key = _requested_key(request_der)

        def issue(invited: Invitation) -> x509.Certificate:
            return self._authority.issue(invited.identity, public_key, invited.hosts, now, DEVICE_DAYS)

        try:
            enrolled = self._ledger.use_invitation(digest(secret), now, issue)
        except TokenError as error:
            raise CekalwatchError(Code.AUTHORITY_UNAVAILABLE, str(error)) from None
        if enrolled is None:
            raise CekalwatchError(Code.INVITATION_INVALID)
        return enrolled

    def chain(self, certificate: x509.Certificate) -> bytes:
        """Return the content of a device's certificate.pem: its certificate, followed by the authority's."""
        return pem(certificate) + self.authority_pem

    def issued(self) -> list[Issued]:
        """Return every certificate that was signed, oldest first."""
        return self._ledger.issued()

    def open_invitations(self, now: datetime) -> list[Invitation]:
        """Return the invitations that can still be used."""
        return self._ledger.open_invitations(now)

    def _good(self, identity: Identity, now: datetime) -> list[Issued]:
        return [one for one in self._ledger.issued(identity) if one.good(now)]

    def _refuse_second(self, identity: Identity, now: datetime) -> None:
        if self._good(identity, now):
            raise RefusedError(
                Code.DEVICE_HAS_CERTIFICATE,
                f"{identity.uri} has a certificate in force: renew it, or revoke it when its key is lost or stolen",
            )

    def _refuse_name_of_server(self, identity: Identity, hosts: Sequence[str], now: datetime) -> None:
        """Refuse a console a server's host name: whoever has the console's key could impersonate the server."""
        if identity.role is DeviceRole.SERVER:
            return
        servers = (
            one.certificate for one in self._ledger.issued() if one.identity.role is DeviceRole.SERVER and one.good(now)
        )
        taken = {name for certificate in servers for name in hosts_of(certificate)} - set(LOOPBACK_HOSTS)
        if both := sorted(taken & set(hosts)):
            raise ProgramError(f"{', '.join(both)} is a server's name: give {identity.uri} one of its own", Exit.USAGE)


def _requested_key(request_der: bytes) -> ec.EllipticCurvePublicKey:
    try:
        request = x509.load_der_x509_csr(request_der)
        sound = request.is_signature_valid
        public_key = request.public_key()
    except Exception:  # noqa: BLE001  # for a stranger's bytes the library raises many types
        raise CekalwatchError(Code.ARGUMENT_INVALID, "certificate_request") from None
    if not sound or not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name != "secp256r1":
        raise CekalwatchError(Code.ARGUMENT_INVALID, "certificate_request")
    return public_key


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Return the names, then the addresses, of a server's certificate."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [
        *names.get_values_for_type(x509.DNSName),
        *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
    ]
