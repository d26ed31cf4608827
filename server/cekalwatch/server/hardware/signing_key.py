"""A private key in a token that signs, with the interface of the cryptography library."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NoReturn, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from cekalwatch.server.hardware.errors import TokenRefusesError
from cekalwatch.server.hardware.opening import open_token

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import Encoding, KeySerializationEncryption, PrivateFormat
    from cryptography.utils import Buffer

    from cekalwatch.server.hardware.token import Token
    from cekalwatch.server.hardware.uri import TokenUri

_NUMBER_BYTES = 32


class TokenSigningKey(ec.EllipticCurvePrivateKey):
    """A P-256 key in a token. Signing blocks, and raises TokenError; nothing else uses the token."""

    def __init__(self, token: Token, public_key: ec.EllipticCurvePublicKey) -> None:
        self._token = token
        self._public_key = public_key

    @classmethod
    def of(cls, uri: TokenUri, public_key: ec.EllipticCurvePublicKey) -> Self:
        """Return the key for a known public half. The token is not needed before something is signed."""
        return cls(open_token(uri), public_key)

    @classmethod
    def load(cls, uri: TokenUri) -> Self:
        """Return the token's key; raises TokenError, also when the key is missing."""
        token = open_token(uri)
        point = token.public_key()
        if point is None:
            raise TokenRefusesError(f"The token {uri.token_name} holds no public key {uri.key!r}")
        return cls(token, _public(point))

    @classmethod
    def load_or_make(cls, uri: TokenUri) -> Self:
        """Return the token's key, and make it there first if it is missing; raises TokenError."""
        token = open_token(uri)
        return cls(token, _public(token.public_key() or token.make_signing_key()))

    def sign(self, data: Buffer, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Return the verified signature (DER) of `data`, with ECDSA and SHA-256."""
        wanted = isinstance(signature_algorithm, ec.ECDSA) and isinstance(signature_algorithm.algorithm, hashes.SHA256)
        if not wanted:
            raise UnsupportedAlgorithm("a key in a token signs with ECDSA and SHA-256")
        raw = self._token.sign(hashlib.sha256(data).digest())
        numbers = (int.from_bytes(part) for part in (raw[:_NUMBER_BYTES], raw[_NUMBER_BYTES:]))
        signature = encode_dss_signature(*numbers)
        try:
            self._public_key.verify(signature, data, signature_algorithm)
        except InvalidSignature:
            raise TokenRefusesError(
                f"{self._token.uri} is another one than the public key that is known here".capitalize()
            ) from None
        return signature

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public half."""
        return self._public_key

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        """256."""
        return self._public_key.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:  # noqa: ARG002
        """Refuse: the key can only sign."""
        raise UnsupportedAlgorithm("a key in a token signs only")

    def private_numbers(self) -> NoReturn:
        """Refuse: the key never leaves its token."""
        raise UnsupportedAlgorithm("a key in a token never leaves it")

    def private_bytes(
        self,
        encoding: Encoding,  # noqa: ARG002
        format: PrivateFormat,  # noqa: A002, ARG002
        encryption_algorithm: KeySerializationEncryption,  # noqa: ARG002
    ) -> NoReturn:
        """Refuse: the key never leaves its token."""
        raise UnsupportedAlgorithm("a key in a token never leaves it")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


def _public(point: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
