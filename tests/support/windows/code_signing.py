"""An authority that gives certificates for signing code, as Windows looks for them, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.windows.python import EmbeddedPython
from deploy.windows.signing import Signer

PSF = "Python Software Foundation"
NOW = datetime.now(UTC)


class Authority:
    """Gives certificates for signing code."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._key = rsa.generate_private_key(65537, 2048)
        self.root = folder / "root.pem"
        self._name = _name("Test authority")
        made = _builder(self._name, self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.root.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def signer(self, organisation: str) -> Signer:
        """Return who signs for an organisation."""
        key = rsa.generate_private_key(65537, 2048)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        made = _builder(_name(organisation), self._name, key.public_key()).add_extension(usage, critical=True)
        certificate, key_file = self._folder / "code.pem", self._folder / "code.key"
        certificate.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Signer(certificate, key_file, None)


def signed_again(python: EmbeddedPython, signer: Signer, folder: Path) -> Path:
    """Pack a copy of an embeddable Python, whose programs `signer` has signed, into the new folder."""
    inside = folder / "python"
    inside.mkdir(parents=True)
    python.unpack(inside)
    archive = folder / "python-embed-amd64.zip"
    with ZipFile(archive, "w") as files:
        for file in sorted(inside.iterdir()):
            if file.suffix in {".exe", ".dll", ".pyd"}:
                signer.sign(file, "Python")
            files.write(file, file.name)
    return archive


def _name(organisation: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, "c")]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    made = made.serial_number(x509.random_serial_number())
    return made.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
