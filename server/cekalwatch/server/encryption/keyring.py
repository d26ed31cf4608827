"""Data keys in memory: seals and opens values, and makes keyed digests and MACs. It knows no table and no master key.

A sealed value is: format (1 byte), number of the data key (4 bytes, big-endian), nonce (12 bytes), then the output of
AES-256-GCM with its tag of 16 bytes. Format, key number and associated data are authenticated too. Nonces are
random, so a data key may seal up to 2^32 values (NIST SP 800-38D, 8.3); a site seals some thousand a day.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

FORMAT = 1
HEADER = struct.Struct(">BI")
NONCE_BYTES = 12
TAG_BYTES = 16
BODY = HEADER.size + NONCE_BYTES
"""Where the ciphertext begins."""


class KeyPurpose(StrEnum):
    """What a data key is for."""

    SEALING = "SEALING"
    """Seals values; the newest one is in use, and older ones open the values that they sealed."""
    MATCHING = "MATCHING"
    """Makes the digests that identify repeated records and photographs, and the MACs of rows. There is only one, which
    never changes: with another key everything would look new, and every row changed."""


@dataclass(frozen=True)
class DataKey:
    """A data key, unwrapped."""

    key_id: int
    purpose: KeyPurpose
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class AssociatedData:
    """A column of a table, in the database's own names."""

    table: str
    column: str
    bound: tuple[str, ...] = field(default=(), compare=False)
    """Columns besides the primary key that the value is bound to."""
    _prefix: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_prefix", b"")
        object.__setattr__(self, "_prefix", self.at(self.table, self.column))

    def at(self, *key: str) -> bytes:
        """Return the form of one row: each part is preceded by its length, so that all places have different forms.

        `key` is the row's primary key, in the order of the table's columns, and then the columns that are bound.
        """
        found = self._prefix
        for part in key:
            text = part.encode()
            found += b"%d:%b" % (len(text), text)
        return found


class DamagedValueError(ValueError):
    """A sealed value cannot be opened: it was changed or moved, or its key is missing."""


def header_of(key_id: int) -> bytes:
    """Return the first bytes of all values that this data key sealed."""
    return HEADER.pack(FORMAT, key_id)


class Keyring:
    """The data keys of one database. Any number of threads may use it."""

    def __init__(self, load: Callable[[Collection[int]], Iterable[DataKey]]) -> None:
        """`load` returns the database's keys except those with the given numbers; each purpose has at least one."""
        self._load = load
        self._loading = threading.Lock()
        self._known: set[int] = set()
        self._absent: set[int] = set()
        self._ciphers: dict[int, AESGCM] = {}
        # Initialised once with their keys: doing that for each digest would take most of its time.
        self._matching: HMAC
        self._rows: HMAC
        self.current_id = 0
        """Number of the data key that seals."""
        self.follow()

    def follow(self) -> bool:
        """Load keys made since the last load; return whether there were any. Reads the database."""
        with self._loading:
            fresh = list(self._load(self._known))
            for key in fresh:
                if key.purpose is KeyPurpose.MATCHING:
                    self._matching = HMAC(key.secret, SHA256())
                    # A separate key, so that no digest can serve as a MAC.
                    rows = hmac.digest(key.secret, b"cekalwatch rows", hashlib.sha256)
                    self._rows = HMAC(rows, SHA256())
                else:
                    self._ciphers[key.key_id] = AESGCM(key.secret)
                self._known.add(key.key_id)
            if fresh:
                self.current_id = max(self._ciphers)
                self._absent.clear()
            return bool(fresh)

    def seal(self, associated_data: bytes, plain: bytes) -> bytes:
        """Seal `plain`; only the same associated data opens it."""
        key_id, nonce = self.current_id, os.urandom(NONCE_BYTES)
        header = header_of(key_id)
        return header + nonce + self._ciphers[key_id].encrypt(nonce, plain, header + associated_data)

    def open(self, associated_data: bytes, sealed: object) -> bytes:
        """Open a value sealed with this associated data; raises DamagedValueError, also for anything but bytes."""
        if not isinstance(sealed, bytes) or len(sealed) < BODY + TAG_BYTES:
            raise DamagedValueError("no sealed value")
        kind, key_id = HEADER.unpack_from(sealed)
        if kind != FORMAT:
            raise DamagedValueError("no sealed value")
        try:
            return (self._ciphers.get(key_id) or self._cipher_of_another(key_id)).decrypt(
                sealed[HEADER.size : BODY], sealed[BODY:], sealed[: HEADER.size] + associated_data
            )
        except InvalidTag:
            raise DamagedValueError("a sealed value that does not open with its associated data") from None

    def digest(self, associated_data: bytes, plain: bytes) -> str:
        """Return an HMAC-SHA256, hexadecimal, of both: equal for equal content, useless without the key."""
        mac = self._matching.copy()
        mac.update(associated_data + plain)
        return mac.finalize().hex()

    def row_mac(self, row: bytes) -> bytes:
        """Return the HMAC-SHA256 of a row in its signed form."""
        mac = self._rows.copy()
        mac.update(row)
        return mac.finalize()

    def _cipher_of_another(self, key_id: int) -> AESGCM:
        """Return the cipher of a key that another program has made; an unknown number is looked up only once."""
        if key_id not in self._absent:
            self.follow()
            if found := self._ciphers.get(key_id):
                return found
            self._absent.add(key_id)
        raise DamagedValueError("a sealed value of a data key that is not held")
