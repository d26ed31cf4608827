"""Where a person sits: the device that shows the token, as the audit trail names it and as a token is bound to it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from cekalwatch.server.audit.entry import Actor, Party


@dataclass(frozen=True)
class Device:
    """A device that calls."""

    actor: Actor
    """The device without a person."""
    fingerprint: str = ""
    """SHA-256 of its certificate, hexadecimal; empty for plaintext, which stays on the server's machine."""
    site: str | None = None
    """Key of its site; None with plaintext, which counts as every site's."""

    def used_by(self, person_id: UUID) -> Actor:
        """Return the actor that the audit trail names for what this person does here."""
        return Actor(Party.PERSON, f"{person_id}@{self.actor.key}")
