"""What fuzzing of certificates starts from: sound ones, whole and without their signature.

python -m tests.fuzz.certificate_seeds    # writes them to tests/fuzz/corpus
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.fuzz.certificate_targets import KEY, NOW, authority, pem
from tests.fuzz.seeds import store

DER = serialization.Encoding.DER


def revocation_seeds() -> Iterator[bytes]:
    """Give lists: with two entries, with none, and two in one file."""
    built = x509.CertificateRevocationListBuilder().issuer_name(authority().subject).last_update(NOW)
    built = built.next_update(NOW + timedelta(days=7))
    empty = built.sign(KEY, hashes.SHA256())
    for serial in (7, 2**80):
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
        built = built.add_revoked_certificate(
            revoked.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False).build()
        )
    full = built.add_extension(x509.CRLNumber(3), critical=False).sign(KEY, hashes.SHA256())
    for one in (empty, full):
        yield b"\0" + one.public_bytes(serialization.Encoding.PEM)
        yield b"\1" + one.public_bytes(DER)
        yield b"\2" + one.tbs_certlist_bytes
    yield b"\0" + pem("X509 CRL", empty.public_bytes(DER)) + pem("X509 CRL", full.public_bytes(DER))


def certificate_seeds() -> Iterator[bytes]:
    """Give certificates of a device, with other names beside its own, and of none."""
    ours = "cekalwatch://batam-center/camera/dep-1"
    names: tuple[list[x509.GeneralName], ...] = (
        [x509.UniformResourceIdentifier(ours)],
        [x509.DNSName("a.local"), x509.UniformResourceIdentifier("https://a"), x509.UniformResourceIdentifier(ours)],
        [x509.UniformResourceIdentifier(ours), x509.UniformResourceIdentifier(ours.replace("1", "2"))],
        [x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00")],
    )
    for number, alternatives in enumerate(names):
        built = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(authority().subject)
        built = built.public_key(KEY.public_key()).serial_number(number + 1)
        built = built.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=398))
        built = built.add_extension(x509.SubjectAlternativeName(alternatives), critical=True)
        one = built.sign(KEY, hashes.SHA256())
        yield (
            bytes([number % 3])
            + (
                one.public_bytes(serialization.Encoding.PEM),
                one.public_bytes(DER),
                one.tbs_certificate_bytes,
            )[number % 3]
        )
        yield b"\2" + one.tbs_certificate_bytes


def enrolment_seeds() -> Iterator[bytes]:
    """Give requests: plain, with names and extensions."""
    plain = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    named = x509.CertificateSigningRequestBuilder().subject_name(authority().subject)
    named = named.add_extension(x509.SubjectAlternativeName([x509.DNSName("a.local")]), critical=False)
    for built in (plain, named):
        one = built.sign(KEY, hashes.SHA256())
        yield b"\0" + one.public_bytes(DER)
        yield b"\1" + one.tbs_certrequest_bytes


def main() -> None:
    """Write them."""
    store("revocations", revocation_seeds())
    store("certificate", certificate_seeds())
    store("enrolment", enrolment_seeds())


if __name__ == "__main__":
    main()
