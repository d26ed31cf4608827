"""A time-stamping authority (RFC 3161) on this machine: `openssl ts` behind HTTP."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

_CONFIG = """
[tsa]
default_tsa = this
[this]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, *, tsa: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=not tsa, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=tsa,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=not tsa,
                crl_sign=not tsa,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if tsa:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(signer, hashes.SHA256())


class TimestampAuthority:
    """Its keys are in `folder`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        folder.mkdir(parents=True)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _certificate("Akar Uji", root_key, "Akar Uji", root_key, tsa=False)
        own = _certificate("Cap Waktu Uji", key, "Akar Uji", root_key, tsa=True)
        self.root = folder / "root.pem"
        self.root.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        (folder / "tsa.pem").write_bytes(own.public_bytes(serialization.Encoding.PEM))
        (folder / "tsa.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "serial").write_text("01\n")
        (folder / "tsa.conf").write_text(_CONFIG.format(folder=folder))

    def answer(self, query: bytes) -> bytes:
        """Return the time stamp that `query` asks for."""
        asked, made = self.folder / "asked.tsq", self.folder / "made.tsr"
        asked.write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.conf", "-section", "this", "-queryfile", str(asked)]
        command += ["-signer", "tsa.pem", "-inkey", "tsa.key", "-out", str(made)]
        subprocess.run(command, check=True, cwd=self.folder, capture_output=True)
        return made.read_bytes()


@contextmanager
def timestamp_authority(folder: Path) -> Iterator[TimestampAuthority]:
    """Run one at a port of its own."""
    with HTTPServer("127.0.0.1") as server:
        authority = TimestampAuthority(folder, server.url_for("/tsa"))

        def stamp(request: Request) -> Response:
            return Response(authority.answer(request.data), content_type="application/timestamp-reply")

        server.expect_request("/tsa", method="POST").respond_with_handler(stamp)
        yield authority
