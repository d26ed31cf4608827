"""The handling of an alert by people: states, steps, outcomes and reasons, their combinations, and the record.

The server decides by these rules; the notifier offers by them what can succeed. Domain rules 1, 4, 5 and 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Annotated, Protocol, TypeVar

from annotated_types import MaxLen

from cekalwatch.contract.values.people import PersonReference

MAX_NOTE = 1_000
"""Characters of a note, and of each text of a follow-up."""


class AlertState(StrEnum):
    """The state of an alert."""

    NEW = "NEW"
    CLAIMED = "CLAIMED"
    CANNOT_DETERMINE = "CANNOT_DETERMINE"
    REFERRED = "REFERRED"
    CONFIRMED = "CONFIRMED"
    CLEARED = "CLEARED"
    CLOSED = "CLOSED"


UNDECIDED = frozenset({AlertState.NEW, AlertState.CLAIMED})
"""An officer has to judge it."""
PENDING = frozenset({AlertState.REFERRED, AlertState.CANNOT_DETERMINE})
"""An officer has judged, and Cekal Online or a supervisor has not yet."""
UNSETTLED = UNDECIDED | PENDING
"""It is not settled yet what the alert is."""
OPEN_STATES = UNSETTLED | {AlertState.CONFIRMED}
"""Somebody must still act."""


class AlertEventType(StrEnum):
    """What happened to an alert."""

    RAISED = "RAISED"
    SIGHTED = "SIGHTED"
    CLAIMED = "CLAIMED"
    RELEASED = "RELEASED"
    ESCALATED = "ESCALATED"
    ADJUDICATED = "ADJUDICATED"
    CONFIRMED = "CONFIRMED"
    CLEARED = "CLEARED"
    FOLLOWED_UP = "FOLLOWED_UP"
    CLOSED = "CLOSED"
    ORDERS_ENDED = "ORDERS_ENDED"
    ORDERS_RESUMED = "ORDERS_RESUMED"
    CANDIDATE_LAPSED = "CANDIDATE_LAPSED"
    TAKEN_OVER = "TAKEN_OVER"
    REFERENCE_ENTERED = "REFERENCE_ENTERED"
    TAKEN_BACK = "TAKEN_BACK"
    LOOKED = "LOOKED"
    UNDONE = "UNDONE"
    LIST_CHANGED = "LIST_CHANGED"


class FirstLook(StrEnum):
    """Whether who is shown an alert must look at the two faces before they see the rest (domain rule 15)."""

    NEEDED = "NEEDED"
    """They have not looked yet, and see faces, place and time."""
    TAKEN = "TAKEN"
    """They have looked, or may not judge: they see all."""


class Escalation(IntEnum):
    """The level to which an unclaimed or unsettled alert has escalated."""

    COUNTER = 0
    SUPERVISOR = 1
    SITE = 2


class Outcome(StrEnum):
    """The finding of an officer, or of the person who checked after a referral; or that a supervisor took it over, or
    that the finding before does not count."""

    NOT_SAME_PERSON = "NOT_SAME_PERSON"
    CANNOT_DETERMINE = "CANNOT_DETERMINE"
    REFERRED = "REFERRED"
    CONFIRMED = "CONFIRMED"
    CLEARED = "CLEARED"
    TAKEN_OVER = "TAKEN_OVER"
    UNDONE = "UNDONE"


UNDO_FOR = timedelta(seconds=10)
"""The person who judged an alert can undo it for this long. Supervisors hear of it after that."""
OFFICERS_OUTCOMES = frozenset({Outcome.NOT_SAME_PERSON, Outcome.CANNOT_DETERMINE, Outcome.REFERRED})
"""Findings of the officer at the counter."""
FOR_SUPERVISORS = frozenset({Outcome.CANNOT_DETERMINE, Outcome.REFERRED})
"""Findings of the officer that a supervisor must settle or follow up."""
CLEARING = frozenset({Outcome.NOT_SAME_PERSON, Outcome.CLEARED})
"""What clears an alert: its pictures are deleted (rule 8)."""
NEEDS_ORDER = frozenset({Outcome.REFERRED, Outcome.CONFIRMED})
"""What may only be found about a subject with an order in force at that moment (rule 1)."""


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
    CENTRAL_SYSTEM_DOWN = "CENTRAL_SYSTEM_DOWN"
    HOLDER_AWAY = "HOLDER_AWAY"
    ANOTHER_LOOK = "ANOTHER_LOOK"
    OTHER = "OTHER"


_NOT_SAME = (Reason.FACE_DIFFERS, Reason.PARTICULARS_DIFFER, Reason.KNOWN_LOOK_ALIKE)

REASONS: Mapping[Outcome, tuple[Reason, ...]] = MappingProxyType(
    {
        Outcome.NOT_SAME_PERSON: (*_NOT_SAME, Reason.OTHER),
        Outcome.CANNOT_DETERMINE: (
            Reason.IMAGE_TOO_POOR,
            Reason.TRAVELLER_GONE,
            Reason.DOCUMENT_UNCLEAR,
            Reason.OTHER,
        ),
        Outcome.REFERRED: (Reason.FACE_AGREES, Reason.PARTICULARS_AGREE, Reason.OTHER),
        Outcome.CONFIRMED: (Reason.LISTED_IN_CEKAL_ONLINE, Reason.CENTRAL_SYSTEM_DOWN),
        Outcome.CLEARED: (
            Reason.NOT_LISTED_IN_CEKAL_ONLINE,
            *_NOT_SAME,
            Reason.ORDER_ENDED,
            Reason.TRAVELLER_GONE,
            Reason.OTHER,
        ),
        Outcome.TAKEN_OVER: (Reason.HOLDER_AWAY, Reason.ANOTHER_LOOK, Reason.OTHER),
        Outcome.UNDONE: (Reason.ANOTHER_LOOK,),
    }
)
"""The reasons of each outcome, in the order in which screens offer them."""

_DISPROVING = frozenset({*_NOT_SAME, Reason.NOT_LISTED_IN_CEKAL_ONLINE})


def disproves(outcome: Outcome, reason: Reason) -> bool:
    """Whether the finding shows that the person with that face is not the banned subject, so that the person is not
    stopped again.

    A traveller who left, or an order that ended, says nothing about the face.
    """
    return outcome is Outcome.NOT_SAME_PERSON or (outcome is Outcome.CLEARED and reason in _DISPROVING)


class Clearing(StrEnum):
    """What the record of a cleared alert says of why."""

    OTHER_PERSON = "OTHER_PERSON"
    """People found that the traveller is none of its candidates."""
    NOT_LISTED = "NOT_LISTED"
    """Cekal Online does not list the traveller."""
    TRAVELLER_GONE = "TRAVELLER_GONE"
    ORDER_ENDED = "ORDER_ENDED"
    OTHER = "OTHER"
    """Something that only the note of the finding says."""

    @property
    def disproves(self) -> bool:
        """Whether the alert was false: the traveller was somebody else."""
        return self in {Clearing.OTHER_PERSON, Clearing.NOT_LISTED}


_CLEARINGS = {
    Reason.NOT_LISTED_IN_CEKAL_ONLINE: Clearing.NOT_LISTED,
    Reason.TRAVELLER_GONE: Clearing.TRAVELLER_GONE,
    Reason.ORDER_ENDED: Clearing.ORDER_ENDED,
}


Found = tuple[str, Outcome | None, Reason | None]
"""A finding: the candidate's key, the outcome and its reason."""


def confirmation_of(found: Iterable[Found]) -> Reason | None:
    """Return the reason of the confirmation that stands, from an alert's findings in order; None: it is no hit."""
    standing: Reason | None = None
    for _, outcome, reason in found:
        if outcome is Outcome.CONFIRMED:
            standing = reason or Reason.OTHER
        elif outcome in CLEARING:  # it was taken back
            standing = None
    return standing


def clearing_of(found: Sequence[Found]) -> Clearing | None:
    """Return why an alert was cleared, from its findings in order, each with the candidate's key; None: it was not.

    "Somebody else" is said only where that was found of each candidate that was cleared: of one for whom the traveller
    had left, or whose order had ended, nobody found anything.
    """
    last: dict[str, tuple[Outcome | None, Reason | None]] = {}
    if confirmation_of(found):
        return None
    for subject_id, outcome, reason in found:
        if outcome in CLEARING or outcome is Outcome.UNDONE:
            last.pop(subject_id, None)
        if outcome in CLEARING:
            last[subject_id] = outcome, reason
    whys = [_clearing(outcome, reason) for outcome, reason in last.values()]
    undecided = [why for why in whys if not why.disproves]
    return next(reversed(undecided or whys), None)


class _HasOutcome(Protocol):
    @property
    def outcome(self) -> Outcome | None: ...


FindingT = TypeVar("FindingT", bound=_HasOutcome)


def standing(findings: Iterable[FindingT]) -> list[FindingT]:
    """Return the findings of an alert that count, in order: a judgement that was undone does not."""
    found: list[FindingT] = []
    for one in findings:
        if one.outcome is not Outcome.UNDONE:
            found.append(one)
        elif found:
            found.pop()
    return found


def _clearing(outcome: Outcome | None, reason: Reason | None) -> Clearing:
    if outcome is Outcome.NOT_SAME_PERSON or reason in _NOT_SAME:
        return Clearing.OTHER_PERSON
    return Clearing.OTHER if reason is None else _CLEARINGS.get(reason, Clearing.OTHER)


class Step(StrEnum):
    """Something that a person does with an alert, in the order in which screens offer it."""

    CLAIM = "CLAIM"
    REFER = "REFER"
    NOT_SAME = "NOT_SAME"
    CANNOT_TELL = "CANNOT_TELL"
    RELEASE = "RELEASE"
    TAKE_OVER = "TAKE_OVER"
    CONFIRM = "CONFIRM"
    CLEAR = "CLEAR"
    ENTER_REFERENCE = "ENTER_REFERENCE"
    TAKE_BACK = "TAKE_BACK"
    FOLLOW_UP = "FOLLOW_UP"
    CLOSE = "CLOSE"


JUDGEMENTS = frozenset({Step.REFER, Step.NOT_SAME, Step.CANNOT_TELL})
"""The steps of the officer who holds the alert."""
SUPERVISORS_STEPS = frozenset({Step.TAKE_OVER, Step.CONFIRM, Step.ENTER_REFERENCE, Step.TAKE_BACK})
"""The steps of who may confirm."""
OWED_STEPS = frozenset({Step.ENTER_REFERENCE, Step.TAKE_BACK})
"""The steps with a hit while its reference is owed."""

STEP_OUTCOMES: Mapping[Step, Outcome] = MappingProxyType(
    {
        Step.REFER: Outcome.REFERRED,
        Step.NOT_SAME: Outcome.NOT_SAME_PERSON,
        Step.CANNOT_TELL: Outcome.CANNOT_DETERMINE,
        Step.TAKE_OVER: Outcome.TAKEN_OVER,
        Step.CONFIRM: Outcome.CONFIRMED,
        Step.CLEAR: Outcome.CLEARED,
        Step.ENTER_REFERENCE: Outcome.CONFIRMED,
        Step.TAKE_BACK: Outcome.CLEARED,
    }
)
"""What each judging step finds."""

STEP_STATES: Mapping[Step, frozenset[AlertState]] = MappingProxyType(
    {
        Step.CLAIM: frozenset({AlertState.NEW}),
        **dict.fromkeys(JUDGEMENTS, frozenset({AlertState.CLAIMED})),
        Step.RELEASE: frozenset({AlertState.CLAIMED}),
        Step.TAKE_OVER: PENDING | {AlertState.CLAIMED},
        Step.CONFIRM: PENDING,
        Step.CLEAR: PENDING,
        **dict.fromkeys(OWED_STEPS, frozenset({AlertState.CONFIRMED})),
        Step.FOLLOW_UP: frozenset({AlertState.CONFIRMED}),
        Step.CLOSE: frozenset({AlertState.CONFIRMED, AlertState.CLEARED}),
    }
)
"""The states in which a step can be taken while an order of the alert is in force."""

ENDED_STEP_STATES: Mapping[Step, frozenset[AlertState]] = MappingProxyType(
    {
        Step.RELEASE: STEP_STATES[Step.RELEASE],
        Step.TAKE_OVER: frozenset({AlertState.CLAIMED}),
        Step.CLEAR: UNSETTLED,
        **{step: STEP_STATES[step] for step in OWED_STEPS},
        Step.FOLLOW_UP: STEP_STATES[Step.FOLLOW_UP],
        Step.CLOSE: STEP_STATES[Step.CLOSE],
    }
)
"""The same once its orders have ended (rule 1): it can only be cleared, or, as a hit, be followed up and closed."""


def step_states(step: Step, *, orders_ended: bool) -> frozenset[AlertState]:
    """Return the states in which a step is allowed; `orders_ended`: no order of the alert is in force any more."""
    return ENDED_STEP_STATES.get(step, frozenset()) if orders_ended else STEP_STATES[step]


@dataclass(frozen=True)
class Claim:
    """A lease on an alert, until `expires_at`."""

    holder: PersonReference
    agent_id: str
    """The PC at which the holder has it."""
    expires_at: datetime


@dataclass(frozen=True)
class Finding:
    """An outcome, by whom and why."""

    outcome: Outcome | None
    reason: Reason | None
    """None: what only a newer server knows."""
    note: str
    person: PersonReference
    found_at: datetime
    subject_id: Annotated[str, MaxLen(200)] = ""
    """Key of the candidate that it speaks of."""


@dataclass(frozen=True)
class Look:
    """What a person found of the two faces before the rest of the alert was shown to them."""

    finding: Outcome | None
    person: PersonReference
    looked_at: datetime
    version: int
    """The version of the alert at which they looked."""
    subject_id: Annotated[str, MaxLen(200)] = ""
    """Key of the candidate whose face it was."""


@dataclass(frozen=True)
class FollowUp:
    """One contact with the agency that asked for the ban."""

    agency: str
    contact: str
    """The contacted person, and the means."""
    result: str
    contacted_at: datetime
    person: PersonReference | None = None
    """Who recorded it, and when; None before it is recorded."""
    recorded_at: datetime | None = None
    release: bool = False
    """Whether it tells of the release: it was recorded when no order was in force any more. The server says so."""


@dataclass(frozen=True)
class Handling:
    """The steps of people with an alert."""

    claim: Claim | None = None
    findings: tuple[Finding, ...] = ()
    reference: Annotated[str, MaxLen(200)] = ""
    """Reference number of Cekal Online, once confirmed; empty while it is owed."""
    follow_ups: tuple[FollowUp, ...] = ()
    escalation: Escalation = Escalation.COUNTER
    unclaimed_since: datetime | None = None
    escalated_at: datetime | None = None
    """Time of the last escalation, or of the last repeated announcement."""
    escalations: int = 0
    """How often that was; in an alert at which the reader has not looked, see `Alert.before_look`."""
    looks: tuple[Look, ...] = ()
    """The first looks, in order."""

    def seen_by(self, person_id: str) -> frozenset[str]:
        """Return the keys of the candidates at whose faces a person has looked, or whom they have judged."""
        looked = {one.subject_id for one in self.looks if one.person.person_id == person_id}
        judged = (one for one in self.findings if one.outcome is not Outcome.TAKEN_OVER)
        return frozenset(looked | {one.subject_id for one in judged if one.person.person_id == person_id})

    def look_of(self, person_id: str, subject_id: str) -> Look | None:
        """Return a person's first look at a candidate."""
        own = (one for one in self.looks if one.person.person_id == person_id and one.subject_id == subject_id)
        return next(own, None)

    @property
    def confirmed_once(self) -> bool:
        """Whether two people have confirmed it."""
        return any(one.outcome is Outcome.CONFIRMED for one in self.findings)

    @property
    def clearing(self) -> Clearing | None:
        """Why it was cleared; None while nothing of it was, and of a hit."""
        return clearing_of([(one.subject_id, one.outcome, one.reason) for one in self.findings])

    @property
    def taking_over(self) -> Finding | None:
        """Why the holder has taken it over from another; None if they have not."""
        found = standing(self.findings)
        last = found[-1] if found else None
        taken = last and self.claim and last.outcome is Outcome.TAKEN_OVER and last.person == self.claim.holder
        return last if taken else None

    @property
    def reference_owed_since(self) -> datetime | None:
        """Since when the reference is owed of a hit that was confirmed while Cekal Online could not be reached."""
        found = [(one.subject_id, one.outcome, one.reason) for one in self.findings]
        if confirmation_of(found) is not Reason.CENTRAL_SYSTEM_DOWN:
            return None
        return next(one.found_at for one in reversed(self.findings) if one.outcome is Outcome.CONFIRMED)

    @property
    def officer(self) -> PersonReference | None:
        """The officer who judged it at the counter; with several candidates, the last one."""
        return next((one.person for one in reversed(standing(self.findings)) if one.outcome in OFFICERS_OUTCOMES), None)
