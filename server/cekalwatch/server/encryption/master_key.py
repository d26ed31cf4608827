"""The master key: it wraps the data keys and nothing else, and is never in the database."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cekalwatch.server.encryption.keyring import NONCE_BYTES, AssociatedData

KEY_BYTES = 32
WRAPPED = AssociatedData("data_key", "wrapped")


@dataclass(frozen=True)
class MasterKey:
    """A key of 256 bits; raises ValueError when it has another length."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes")

    @classmethod
    def generate(cls) -> Self:
        """Make a new one, from the system's random numbers."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the form in which people keep it, Base64; raises ValueError, which tells nothing of the text."""
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except binascii.Error:
            raise ValueError("a master key is written in Base64") from None

    @property
    def text(self) -> str:
        """Base64, the form that `from_text` reads."""
        return base64.b64encode(self.secret).decode()

    @property
    def key_id(self) -> str:
        """Tells master keys apart, and reveals nothing of them: 16 hexadecimal digits."""
        return hmac.digest(self.secret, b"cekalwatch master key", hashlib.sha256).hex()[:16]

    def wrap(self, key_id: int, purpose: str, data_key: bytes) -> bytes:
        """Seal a data key, bound to its number and purpose."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, data_key, WRAPPED.at(str(key_id), purpose))

    def unwrap(self, key_id: int, purpose: str, wrapped: bytes) -> bytes:
        """Open what `wrap` made; raises ValueError when it is damaged or of another master key."""
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return AESGCM(self.secret).decrypt(nonce, sealed, WRAPPED.at(str(key_id), purpose))
        except InvalidTag:
            raise ValueError("this data key cannot be unwrapped") from None
