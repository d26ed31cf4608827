"""What people record about an alert, checked: first looks, findings with reasons and notes, and follow-ups with the
agency.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cekalwatch.contract.values import adjudication as values
from cekalwatch.contract.values.adjudication import MAX_NOTE, OFFICERS_OUTCOMES, REASONS, Outcome, Reason
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.foundation.errors import CekalwatchError, Code


@dataclass(frozen=True)
class Finding(values.Finding):
    """An outcome, who found it, and why. Construction raises REASON_INVALID or NOTE_INVALID."""

    outcome: Outcome
    reason: Reason
    reference: str = field(default="", compare=False)
    """Of a confirmation: the number that Cekal Online gave, once it is stored."""

    def __post_init__(self) -> None:
        if self.reason not in REASONS[self.outcome]:
            raise CekalwatchError(Code.REASON_INVALID, f"{self.reason} for {self.outcome}")
        check_note(self.note, needed=self.reason is Reason.OTHER)


@dataclass(frozen=True)
class Look(values.Look):
    """What a person found of the two faces before they saw the rest (domain rule 15).

    Construction raises OUTCOME_NOT_ALLOWED for what an officer does not find.
    """

    finding: Outcome

    def __post_init__(self) -> None:
        if self.finding not in OFFICERS_OUTCOMES:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, f"{self.finding} at first sight")


@dataclass(frozen=True)
class FollowUp(values.FollowUp):
    """One contact with the agency that asked for the ban, as it was recorded. Construction raises NOTE_INVALID."""

    person: PersonReference = field()
    recorded_at: datetime = field()
    by_order: bool = field(default=False, compare=False)
    """Whether it tells of the hit to an agency with an order in force: when that ends, word of it is owed."""

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
