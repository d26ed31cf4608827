"""What comes of an authority of time stamps: its answer, or a stamp that we sign in its place.

python -m tests.fuzz.time_stamp_targets    # writes the seeds to tests/fuzz/corpus
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

from asn1crypto import algos, cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint
from cekalwatch.server.audit.destinations.timestamps import TimestampVerifier
from tests.fuzz.certificate_targets import KEY, der
from tests.fuzz.seeds import store

CHECKPOINT = Checkpoint(1, 1, "0" * 64, "2026-11-26T00:00:00.000000Z", "", "")
DIGEST = hashlib.sha256(CHECKPOINT.to_json().encode()).digest()
NONCE = 1
SHA256 = algos.DigestAlgorithm({"algorithm": "sha256"})
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2046, 1, 1, tzinfo=UTC)


@cache
def _certificate(name: str, *, ca: bool) -> x509.Certificate:
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in (name, "root")]
    built = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(KEY.public_key())
    built = built.serial_number(2 - ca).not_valid_before(BEGIN).not_valid_after(END)
    built = built.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if not ca:
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return built.sign(KEY, hashes.SHA256())


def stamped(info: bytes) -> bytes:
    """The answer of an authority of ours whose stamp says `info`, which should be a TSTInfo."""
    leaf = asn1_x509.Certificate.load(_certificate("tsa", ca=False).public_bytes(serialization.Encoding.DER))
    digest = hashlib.sha256(info).digest()
    attributes = cms.CMSAttributes(
        [{"type": "content_type", "values": ["tst_info"]}, {"type": "message_digest", "values": [digest]}]
    )
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": {"issuer_and_serial_number": {"issuer": leaf.issuer, "serial_number": leaf.serial_number}},
            "digest_algorithm": SHA256,
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": KEY.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
        }
    )
    content = cms.ContentType("tst_info").dump() + der(0xA0, der(0x04, info))
    signed = (
        cms.CMSVersion("v3").dump(),
        der(0x31, SHA256.dump()),
        der(0x30, content),
        der(0xA0, leaf.dump()),
        der(0x31, signer.dump()),
    )
    token = cms.ContentType("signed_data").dump() + der(0xA0, der(0x30, b"".join(signed)))
    return der(0x30, tsp.PKIStatusInfo({"status": "granted"}).dump() + der(0x30, token))


@cache
def verifier() -> TimestampVerifier:
    """Knows our authority."""
    return TimestampVerifier(_certificate("root", ca=True).public_bytes(serialization.Encoding.PEM))


def time_stamp(data: bytes) -> None:
    """An answer (first byte even), or what a stamp says, which we sign (odd)."""
    if not data:
        return
    answer = data[1:] if data[0] % 2 == 0 else stamped(data[1:])
    with suppress(ValueError):
        verifier().moment(KeptCheckpoint(CHECKPOINT, answer), NONCE)


def seeds() -> Iterator[bytes]:
    """Give a stamp with everything that it may say, and its answer; a plain one; and refusals."""
    plain = {
        "version": "v1",
        "policy": "1.2.3.4.1",
        "message_imprint": {"hash_algorithm": SHA256, "hashed_message": DIGEST},
        "serial_number": 7,
        "gen_time": datetime(2026, 11, 26, tzinfo=UTC),
        "nonce": NONCE,
    }
    rich = {
        "accuracy": {"seconds": 1, "millis": 5},
        "ordering": True,
        "tsa": asn1_x509.GeneralName("directory_name", asn1_x509.Name.build({"common_name": "tsa"})),
    }
    for facts in (plain, plain | rich):
        info = tsp.TSTInfo(facts).dump()
        yield b"\1" + info
        yield b"\0" + stamped(info)
    for status in ("rejection", "waiting"):
        failure = {"status": status, "status_string": ["no"], "fail_info": {"bad_alg"}}
        yield b"\0" + der(0x30, tsp.PKIStatusInfo(failure).dump())


if __name__ == "__main__":
    store("time_stamp", seeds())
