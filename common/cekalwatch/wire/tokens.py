"""How a session's token is sent with a call: as metadata `NAME: Bearer TOKEN`. And what a second person signs for."""

from __future__ import annotations

import hashlib

from google.protobuf.message import Message

SESSION_METADATA = "authorization"
SECOND_PERSON_METADATA = "second-person"

Metadata = tuple[tuple[str, str], ...]


def bearer(token: str, second_person: str = "") -> Metadata:
    """Return the metadata for a call; an empty token adds nothing."""
    pairs = ((SESSION_METADATA, token), (SECOND_PERSON_METADATA, second_person))
    return tuple((name, f"Bearer {value}") for name, value in pairs if value)


def signed_bytes(request: Message) -> bytes:
    """Return the request of a call that two people make, in the one form that its second person signs for."""
    return request.SerializeToString(deterministic=True)


def request_digest(request: Message) -> bytes:
    """Return the SHA-256 of the request of a call that two people make."""
    return hashlib.sha256(signed_bytes(request)).digest()
