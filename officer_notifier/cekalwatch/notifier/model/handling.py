"""What people have done with an alert, as the notifier knows it: plain values, made by `convert.py`.

The server decides which step is allowed. What is written here serves the screens: which reasons go with an outcome, and
who holds what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType

MAX_NOTE = 1_000
"""Characters of a note, and of each text of a follow-up."""


class AlertState(StrEnum):
    """Where an alert stands."""

    NEW = "NEW"
    CLAIMED = "CLAIMED"
    CANNOT_DETERMINE = "CANNOT_DETERMINE"
    REFERRED = "REFERRED"
    CONFIRMED = "CONFIRMED"
    CLEARED = "CLEARED"
    CLOSED = "CLOSED"
    UNKNOWN = "UNKNOWN"
    """One that only a newer server knows."""


UNDECIDED = frozenset({AlertState.NEW, AlertState.CLAIMED})
"""An officer has to look."""
PENDING = frozenset({AlertState.REFERRED, AlertState.CANNOT_DETERMINE})
"""An officer has judged, and Cekal Online or a supervisor has not yet."""
OPEN_STATES = UNDECIDED | PENDING | {AlertState.CONFIRMED}
"""Somebody still has to do something about the traveller."""


class Outcome(StrEnum):
    """What somebody found."""

    NOT_SAME_PERSON = "NOT_SAME_PERSON"
    CANNOT_DETERMINE = "CANNOT_DETERMINE"
    REFERRED = "REFERRED"
    CONFIRMED = "CONFIRMED"
    CLEARED = "CLEARED"
    UNKNOWN = "UNKNOWN"


class Reason(StrEnum):
    """Why somebody found it; OTHER needs a note."""

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
    UNKNOWN = "UNKNOWN"


REASONS: Mapping[Outcome, tuple[Reason, ...]] = MappingProxyType(
    {
        Outcome.NOT_SAME_PERSON: (
            Reason.FACE_DIFFERS,
            Reason.PARTICULARS_DIFFER,
            Reason.KNOWN_LOOK_ALIKE,
            Reason.OTHER,
        ),
        Outcome.CANNOT_DETERMINE: (
            Reason.IMAGE_TOO_POOR,
            Reason.TRAVELLER_GONE,
            Reason.DOCUMENT_UNCLEAR,
            Reason.OTHER,
        ),
        Outcome.REFERRED: (Reason.FACE_AGREES, Reason.PARTICULARS_AGREE, Reason.OTHER),
        Outcome.CONFIRMED: (Reason.LISTED_IN_CEKAL_ONLINE,),
        Outcome.CLEARED: (
            Reason.NOT_LISTED_IN_CEKAL_ONLINE,
            Reason.FACE_DIFFERS,
            Reason.PARTICULARS_DIFFER,
            Reason.KNOWN_LOOK_ALIKE,
            Reason.ORDER_ENDED,
            Reason.TRAVELLER_GONE,
            Reason.OTHER,
        ),
    }
)
"""The reasons of each outcome, in the order in which they are offered."""


class Escalation(IntEnum):
    """Whom an alert has gone to that nobody claimed."""

    COUNTER = 0
    SUPERVISOR = 1
    SITE = 2


@dataclass(frozen=True)
class PersonReference:
    """Somebody who acted; the name is empty for a person who is no longer known."""

    person_id: str
    display_name: str


@dataclass(frozen=True)
class Claim:
    """A lease on an alert, until `expires_at`."""

    holder: PersonReference
    agent_id: str
    expires_at: datetime


@dataclass(frozen=True)
class Finding:
    """An outcome, by whom and why."""

    outcome: Outcome
    reason: Reason
    note: str
    person: PersonReference
    found_at: datetime


@dataclass(frozen=True)
class FollowUp:
    """One contact with the agency that asked for the ban; `person` wrote it down."""

    agency: str
    contact: str
    result: str
    contacted_at: datetime
    person: PersonReference = PersonReference("", "")


@dataclass(frozen=True)
class Handling:
    """What people have done with an alert. A step names the `revision` that its person has seen."""

    revision: int = 0
    claim: Claim | None = None
    findings: tuple[Finding, ...] = ()
    reference: str = ""
    """Reference number of Cekal Online, once confirmed."""
    follow_ups: tuple[FollowUp, ...] = ()
    escalation: Escalation = Escalation.COUNTER
    unclaimed_since: datetime | None = None

    @property
    def officer(self) -> PersonReference | None:
        """Who judged it at the counter."""
        judged = {Outcome.NOT_SAME_PERSON, Outcome.CANNOT_DETERMINE, Outcome.REFERRED}
        return next((one.person for one in self.findings if one.outcome in judged), None)
