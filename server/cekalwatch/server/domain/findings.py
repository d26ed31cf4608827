"""What people find out about an alert: outcomes with reasons and notes, and follow-ups with the agency. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from cekalwatch.server.domain.errors import CekalwatchError, Code

MAX_NOTE = 1_000
"""Characters."""


class Outcome(StrEnum):
    """What an officer, or after a referral whoever checked, found."""

    NOT_SAME_PERSON = "NOT_SAME_PERSON"
    CANNOT_DETERMINE = "CANNOT_DETERMINE"
    REFERRED = "REFERRED"
    CONFIRMED = "CONFIRMED"
    CLEARED = "CLEARED"


class Reason(StrEnum):
    """Why; OTHER needs a note."""

    FACE_DIFFERS = "FACE_DIFFERS"
    PARTICULARS_DIFFER = "PARTICULARS_DIFFER"
    KNOWN_LOOK_ALIKE = "KNOWN_LOOK_ALIKE"
    IMAGE_TOO_POOR = "IMAGE_TOO_POOR"
    TRAVELLER_GONE = "TRAVELLER_GONE"
    DOCUMENT_UNCLEAR = "DOCUMENT_UNCLEAR"
    FACE_AGREES = "FACE_AGREES"
    PARTICULARS_AGREE = "PARTICULARS_AGREE"
    LISTED_IN_CEKAL_ONLINE = "LISTED_IN_CEKAL_ONLINE"
    NOT_LISTED_IN_CEKAL_ONLINE = "NOT_LISTED_IN_CEKAL_ONLINE"
    ORDER_ENDED = "ORDER_ENDED"
    OTHER = "OTHER"


_NOT_SAME = frozenset({Reason.FACE_DIFFERS, Reason.PARTICULARS_DIFFER, Reason.KNOWN_LOOK_ALIKE})
REASONS: Mapping[Outcome, frozenset[Reason]] = MappingProxyType(
    {
        Outcome.NOT_SAME_PERSON: _NOT_SAME | {Reason.OTHER},
        Outcome.CANNOT_DETERMINE: frozenset(
            {Reason.IMAGE_TOO_POOR, Reason.TRAVELLER_GONE, Reason.DOCUMENT_UNCLEAR, Reason.OTHER}
        ),
        Outcome.REFERRED: frozenset({Reason.FACE_AGREES, Reason.PARTICULARS_AGREE, Reason.OTHER}),
        Outcome.CONFIRMED: frozenset({Reason.LISTED_IN_CEKAL_ONLINE}),
        Outcome.CLEARED: _NOT_SAME
        | {Reason.NOT_LISTED_IN_CEKAL_ONLINE, Reason.ORDER_ENDED, Reason.TRAVELLER_GONE, Reason.OTHER},
    }
)
OFFICERS_OUTCOMES = frozenset({Outcome.NOT_SAME_PERSON, Outcome.CANNOT_DETERMINE, Outcome.REFERRED})
CLEARING = frozenset({Outcome.NOT_SAME_PERSON, Outcome.CLEARED})
"""What clears an alert: its pictures must go (rule 6)."""
NEEDS_ORDER = frozenset({Outcome.REFERRED, Outcome.CONFIRMED})
"""What may only be found about a subject with an order in force at that moment (rule 1)."""


@dataclass(frozen=True)
class Finding:
    """An outcome with who found it, and why. Construction raises REASON_INVALID or NOTE_INVALID."""

    outcome: Outcome
    reason: Reason
    note: str
    by: UUID
    at: datetime

    def __post_init__(self) -> None:
        if self.reason not in REASONS[self.outcome]:
            raise CekalwatchError(Code.REASON_INVALID, f"{self.reason} for {self.outcome}")
        check_note(self.note, needed=self.reason is Reason.OTHER)


@dataclass(frozen=True)
class FollowUp:
    """One contact with the agency that asked for the ban. Construction raises NOTE_INVALID."""

    agency: str
    contact: str
    """Who was spoken to, and how."""
    result: str
    contacted_at: datetime
    by: UUID
    at: datetime
    """When it was written down."""

    def __post_init__(self) -> None:
        for text in (self.agency, self.contact, self.result):
            check_note(text, needed=True)

    @property
    def size(self) -> int:
        """Bytes of its texts, in UTF-8."""
        return sum(len(text.encode()) for text in (self.agency, self.contact, self.result))


def check_note(text: str, *, needed: bool) -> None:
    """Raise NOTE_INVALID unless `text` has at most 1000 printable characters or line breaks, and any when needed."""
    printable = text.replace("\n", "").isprintable()
    if len(text) > MAX_NOTE or not printable or (needed and not text.strip()):
        raise CekalwatchError(Code.NOTE_INVALID)
