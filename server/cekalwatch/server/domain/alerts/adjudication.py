"""What people record about an alert: first looks, findings with reasons and notes, and follow-ups with the agency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cekalwatch.contract.values.adjudication import MAX_NOTE, OFFICERS_OUTCOMES, REASONS, Outcome, Reason
from cekalwatch.server.foundation.errors import CekalwatchError, Code


@dataclass(frozen=True)
class Finding:
    """An outcome, who found it, and why. Construction raises REASON_INVALID or NOTE_INVALID."""

    outcome: Outcome
    reason: Reason
    note: str
    by: UUID
    at: datetime
    subject_id: str = ""
    """Key of the candidate that it is about; empty: the one that the alert asked about."""

    def __post_init__(self) -> None:
        if self.reason not in REASONS[self.outcome]:
            raise CekalwatchError(Code.REASON_INVALID, f"{self.reason} for {self.outcome}")
        check_note(self.note, needed=self.reason is Reason.OTHER)


@dataclass(frozen=True)
class Look:
    """What a person found of the two faces before they saw the rest (domain rule 15).

    Construction raises OUTCOME_NOT_ALLOWED for what an officer does not find.
    """

    outcome: Outcome
    by: UUID
    at: datetime
    version: int
    """The version of the alert at which they looked."""
    subject_id: str
    """Key of the candidate whose face it was."""

    def __post_init__(self) -> None:
        if self.outcome not in OFFICERS_OUTCOMES:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, f"{self.outcome} at first sight")


@dataclass(frozen=True)
class FollowUp:
    """One contact with the agency that asked for the ban. Construction raises NOTE_INVALID."""

    agency: str
    contact: str
    """The contacted person, and the means."""
    result: str
    contacted_at: datetime
    by: UUID
    at: datetime
    """When it was recorded."""
    release: bool = False
    """Whether it tells of the release, since no order was in force any more."""

    def __post_init__(self) -> None:
        for text in (self.agency, self.contact, self.result):
            check_note(text, needed=True)

    @property
    def size(self) -> int:
        """Bytes of its texts, in UTF-8."""
        return sum(len(text.encode()) for text in (self.agency, self.contact, self.result))


def check_note(text: str, *, needed: bool) -> None:
    """Raise NOTE_INVALID unless `text` has at most 1000 printable characters or line breaks, and some if `needed`."""
    printable = text.replace("\n", "").isprintable()
    if len(text) > MAX_NOTE or not printable or (needed and not text.strip()):
        raise CekalwatchError(Code.NOTE_INVALID)
