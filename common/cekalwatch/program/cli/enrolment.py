"""Enrols this device: makes a key here, and gets a certificate for it from the authority that the code names.

The server's certificate is trusted only if it comes from the authority whose fingerprint is in the code, so that
no machine in between learns the code. It needs `cryptography` and `pyOpenSSL`; only the `enrol` commands load it.
"""

from __future__ import annotations

import errno
import select
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cekalwatch.program.cli.prompts import secret_of
from cekalwatch.program.cli.settings_command import literal
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.installation import AT_THIS_PC, admit
from cekalwatch.program.platform.places import CAPTURE_SERVICE
from cekalwatch.program.platform.secrets import protected
from cekalwatch.program.secret_files import make_private_folder, write_private
from cekalwatch.program.settings import SYSTEM_FOLDER, Settings, make_settings_folder
from cekalwatch.v1.enrolment_service_pb2 import EnrolDeviceRequest
from cekalwatch.v1.enrolment_service_pb2_grpc import EnrolmentServiceStub
from cekalwatch.wire.address import AddressError, split_address
from cekalwatch.wire.calls import told_by
from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError
from cekalwatch.wire.invitation import DeviceInvitation, InvitationCode, InvitationError, fingerprint
from cekalwatch.wire.options import CLIENT_OPTIONS
from cekalwatch.wire.tls import TlsError, TlsFiles

if TYPE_CHECKING:
    from OpenSSL import SSL


TIMEOUT_S = 10.0
CODE_VARIABLE = "CEKALWATCH_ENROLMENT_CODE"
"""The environment's way to give the code, for programs that set devices up."""
INVITATION_VARIABLE = "CEKALWATCH_INVITATION"
"""The same for a whole invitation."""


def enrol(address: str, code_file: Path | None, role: DeviceRole, tls_dir: Path) -> Identity:
    """Write key, certificate and authority to `tls_dir`, and return this device's identity. Raises ProgramError.

    The code comes from the file or `CODE_VARIABLE`, or is typed.
    """
    _refuse_second(tls_dir)
    try:
        code = InvitationCode.parse(secret_of(code_file, CODE_VARIABLE, "Code"))
    except InvitationError as error:
        raise ProgramError(str(error), Exit.USAGE) from None
    return _enrolled(address, code, role, tls_dir)


def read_invitation(file: Path | None, role: DeviceRole) -> DeviceInvitation:
    """Return the invitation in the file, in `INVITATION_VARIABLE` or as it is typed. Raises ProgramError."""
    try:
        invitation = DeviceInvitation.parse(secret_of(file, INVITATION_VARIABLE, "Invitation"))
    except InvitationError as error:
        raise ProgramError(str(error), Exit.USAGE) from None
    if invitation.identity.role is not role:
        raise ProgramError(f"This is a {role}, and the invitation is for a {invitation.identity.role}", Exit.USAGE)
    return invitation


def accept(invitation: DeviceInvitation, tls_dir: Path) -> None:
    """Enrol as the invitation says, and write key, certificate and authority to `tls_dir`. Raises ProgramError."""
    _refuse_second(tls_dir)
    identity = _enrolled(invitation.enrol, invitation.code, invitation.identity.role, tls_dir)
    if identity != invitation.identity:
        TlsFiles(tls_dir).key.unlink()
        raise ProgramError(f"The server made this {identity.uri}, and the invitation says {invitation.identity.uri}")


def _refuse_second(tls_dir: Path) -> None:
    if TlsFiles(tls_dir).key.exists():
        raise ProgramError(f"This device already has a certificate, in {tls_dir}; remove that folder first", Exit.USAGE)


def _enrolled(address: str, code: InvitationCode, role: DeviceRole, tls_dir: Path) -> Identity:
    files = TlsFiles(tls_dir)
    try:
        host, port = split_address(address)
    except AddressError as error:
        raise ProgramError(str(error), Exit.USAGE) from None
    _make_folder(tls_dir)
    authority = _authority(host, port, code)
    key = ec.generate_private_key(ec.SECP256R1())
    chain = _sign(address, code, authority, key)
    write_private(files.authority, authority)
    write_private(files.certificate, chain)
    write_private(files.key, protected(_key_pem(key), files.key))
    return _checked(files, role)


def _make_folder(tls_dir: Path) -> None:
    """Make the folder of a key; on Windows one of the machine's is for the account that works with it."""
    keys = SYSTEM_FOLDER / "tls"
    if sys.platform == "win32" and keys in tls_dir.parents:
        program = tls_dir.relative_to(keys).parts[0]
        account = rf"NT SERVICE\{CAPTURE_SERVICE}" if program == "camera" else AT_THIS_PC
        try:
            admit(account, keys / program, again=False)
        except OSError as error:
            raise ProgramError(f"{keys / program} cannot be made: {error.strerror}", Exit.CONFIG) from None
    make_private_folder(tls_dir)


def _authority(host: str, port: int, code: InvitationCode) -> bytes:
    """Return the authority's certificate, PEM: the one in the server's chain that has the code's fingerprint."""
    from OpenSSL import SSL  # Python's ssl shows no chain before 3.13

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    # Nothing is trusted here: the fingerprint decides, and gRPC verifies the server by what it picks.
    context.set_verify(SSL.VERIFY_NONE)
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as plain:
            connection = SSL.Connection(context, plain)
            connection.set_connect_state()
            _shake_hands(connection, plain)
            chain = connection.get_peer_cert_chain(as_cryptography=True) or []
    except (OSError, SSL.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it does not speak TLS"
        if isinstance(error, ConnectionRefusedError):
            reason += ". The port is open only while a device is invited: make a code first, or check the address"
        raise ProgramError(f"Cannot enrol at {host}:{port}: {reason}", Exit.UNAVAILABLE) from None
    for certificate in chain:
        if fingerprint(certificate.public_bytes(serialization.Encoding.DER)) == code.fingerprint:
            return certificate.public_bytes(serialization.Encoding.PEM)
    raise ProgramError(
        f"The server at {host}:{port} does not belong to the authority that the code names. The code was not "
        "sent. Check the address and the code",
        Exit.CONFIG,
    )


def _shake_hands(connection: SSL.Connection, plain: socket.socket) -> None:
    """Do the handshake on a socket that has a timeout; raises TimeoutError, OSError, SSL.Error."""
    from OpenSSL import SSL

    while True:
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            if not select.select([plain], [], [], TIMEOUT_S)[0]:
                raise TimeoutError(errno.ETIMEDOUT, "it does not answer") from None
        else:
            return


def _sign(address: str, code: InvitationCode, authority: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    message = EnrolDeviceRequest(
        invitation_secret=code.secret, certificate_request=request.public_bytes(serialization.Encoding.DER)
    )
    credentials = grpc.ssl_channel_credentials(authority)
    with grpc.secure_channel(address, credentials, CLIENT_OPTIONS) as channel:
        try:
            return EnrolmentServiceStub(channel).EnrolDevice(message, timeout=TIMEOUT_S).certificate_pem
        except grpc.RpcError as error:
            refused = error.code() is grpc.StatusCode.PERMISSION_DENIED
            raise ProgramError(
                f"The server at {address} did not enrol this device: {told_by(error)}",
                Exit.FAILED if refused else Exit.UNAVAILABLE,
            ) from None


def identity_in(certificate_pem: bytes) -> Identity:
    """Return whom a certificate names; raises IdentityError."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (ValueError, x509.ExtensionNotFound) as error:
        raise IdentityError(f"the certificate names no device: {error}") from None
    return Identity.parse(uri)


def _checked(files: TlsFiles, role: DeviceRole) -> Identity:
    """Return the identity in the new certificate; removes the key and raises ProgramError when it is unusable."""
    try:
        material = files.read()
        identity = identity_in(material.certificate)
        if identity.role is not role:
            raise IdentityError(f"the code is for a {identity.role}, and this is a {role}")
    except (TlsError, IdentityError) as error:
        files.key.unlink()
        raise ProgramError(f"The received certificate cannot be used: {error}", Exit.FAILED) from None
    return identity


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


OfProgram = TypeVar("OfProgram", bound=Settings)


def set_up(
    kind: type[OfProgram], invitation: DeviceInvitation, tls_dir: Path, file: Path, facts: Mapping[str, object]
) -> OfProgram:
    """Enrol by the invitation, with key and certificate in `tls_dir`; write the settings `file`, and return them.

    Server, `tls_dir` and the site's time zone, where the program has that setting, are written in addition to `facts`.
    Raises ProgramError. The invitation is not used up if settings exist already, are wrong or cannot be written; if the
    server refuses it, none remain.
    """
    if file.exists():
        raise ProgramError(f"There are settings in {file} already, which stay as they are", Exit.USAGE)
    settings = {"server_addresses": [invitation.server], "tls_dir": tls_dir.absolute(), **facts}
    if invitation.time_zone and "time_zone" in kind.model_fields:
        settings["time_zone"] = invitation.time_zone
    draft = file.with_name(f".{file.name}.new")
    try:
        make_settings_folder(file.parent)
    except OSError as error:
        raise ProgramError(f"{file.parent} cannot be made: {error.strerror}", Exit.CONFIG) from None
    try:
        write_private(draft, "".join(f"{name} = {literal(value)}\n" for name, value in settings.items()).encode())
        kind.load(draft)
        accept(invitation, tls_dir)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return kind.load(file)
