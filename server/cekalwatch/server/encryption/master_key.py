"""The master key: it wraps the data keys and nothing else, and is never in the database.

A data key is sealed with AES-256-GCM under a key of its own, which the master key derives for its number and purpose:
HMAC-SHA256, as the pseudo-random function of NIST SP 800-108 in one step. A master key does nothing else, so one that
never leaves its token works like one in a file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cekalwatch.server.encryption.keyring import NONCE_BYTES, AssociatedData

KEY_BYTES = 32
WRAPPED = AssociatedData("data_key", "wrapped")
_ID_BYTES = 8


class MasterKey(ABC):
    """A key of 256 bits, wherever it is."""

    @abstractmethod
    def derive(self, data: bytes) -> bytes:
        """Return the HMAC-SHA256 of `data` under the key; one in a token raises TokenError."""

    @property
    def key_id(self) -> str:
        """Identifies the master key without revealing it: 16 hexadecimal digits."""
        return self.derive(b"cekalwatch master key")[:_ID_BYTES].hex()

    def wrap(self, key_id: int, purpose: str, data_key: bytes) -> bytes:
        """Seal a data key, bound to its number and purpose."""
        place, nonce = WRAPPED.at(str(key_id), purpose), os.urandom(NONCE_BYTES)
        return nonce + self._cipher(place).encrypt(nonce, data_key, place)

    def unwrap(self, key_id: int, purpose: str, wrapped: bytes) -> bytes:
        """Open a data key that `wrap` sealed; raises ValueError when it is damaged or of another master key."""
        place, nonce, sealed = WRAPPED.at(str(key_id), purpose), wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return self._cipher(place).decrypt(nonce, sealed, place)
        except InvalidTag:
            raise ValueError("this data key cannot be unwrapped") from None

    def _cipher(self, place: bytes) -> AESGCM:
        return AESGCM(self.derive(b"cekalwatch wrapping key " + place))


@dataclass(frozen=True)
class SecretMasterKey(MasterKey):
    """A key that is held in memory; raises ValueError when it has another length."""

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
        """Read the form in which people store it, Base64; raises ValueError, which reveals nothing of the text."""
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except binascii.Error:
            raise ValueError("a master key is written in Base64") from None

    @property
    def text(self) -> str:
        """Base64, the form that `from_text` reads."""
        return base64.b64encode(self.secret).decode()

    def derive(self, data: bytes) -> bytes:
        """Return the HMAC-SHA256 of `data` under the key."""
        return hmac.digest(self.secret, data, hashlib.sha256)
