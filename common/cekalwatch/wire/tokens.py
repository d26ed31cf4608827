"""How a session's token is sent with a call: as metadata `NAME: Bearer TOKEN`."""

from __future__ import annotations

SESSION_METADATA = "authorization"
SECOND_PERSON_METADATA = "second-person"

Metadata = tuple[tuple[str, str], ...]


def bearer(token: str, second_person: str = "") -> Metadata:
    """Return the metadata for a call; an empty token adds nothing."""
    pairs = ((SESSION_METADATA, token), (SECOND_PERSON_METADATA, second_person))
    return tuple((name, f"Bearer {value}") for name, value in pairs if value)
