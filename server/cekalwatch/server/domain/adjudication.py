"""The life of an alert: who holds it, what people decided, when it escalates. Pure; domain rules 1, 4 and 5.

    NEW → CLAIMED → {NOT_SAME_PERSON | CANNOT_DETERMINE | REFERRED} → {CONFIRMED | CLEARED} → CLOSED

Each step returns a new `Handling`, or raises an error of the catalogue and changes nothing. NOT_SAME_PERSON clears the
alert (never the subject) in the same step. CANNOT_DETERMINE waits for a supervisor, who confirms or clears it as if it
had been referred.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from uuid import UUID

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import Person, PersonRole
from cekalwatch.server.domain.two_people import TwoPeople, TwoPersonAction

MOST_NOTE = 1_000
MOST_FOLLOW_UPS = 50
USUAL_REFERENCE_PATTERN = r"[A-Z0-9][A-Z0-9/.-]{3,63}"
"""Form of a reference number of Cekal Online; the configuration can set another."""


class AlertState(StrEnum):
    """Where an alert stands."""

    NEW = "NEW"
    CLAIMED = "CLAIMED"
    NOT_SAME_PERSON = "NOT_SAME_PERSON"
    CANNOT_DETERMINE = "CANNOT_DETERMINE"
    REFERRED = "REFERRED"
    CONFIRMED = "CONFIRMED"
    CLEARED = "CLEARED"
    CLOSED = "CLOSED"


UNDECIDED = frozenset({AlertState.NEW, AlertState.CLAIMED})
PENDING = frozenset({AlertState.REFERRED, AlertState.CANNOT_DETERMINE})
"""An officer has judged, and Cekal Online or a supervisor has not yet."""
OPEN_STATES = UNDECIDED | PENDING | {AlertState.CONFIRMED}
"""States that a later sighting joins: after "not the same person", a new sighting raises a new alert (rule 5)."""


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
NEEDS_ORDER = frozenset({Outcome.REFERRED, Outcome.CONFIRMED})
"""What may only be found about a subject with an order in force at that moment (rule 1)."""


class Escalation(IntEnum):
    """Whom an alert has gone to that nobody claimed."""

    COUNTER = 0
    SUPERVISOR = 1
    SITE = 2


@dataclass(frozen=True)
class HandlingPolicy:
    """The times of an alert's life; the configuration sets them."""

    lease: timedelta = timedelta(seconds=90)
    """How long a claim holds without renewal; it is released when the officer's PC dies."""
    to_supervisor: timedelta = timedelta(seconds=60)
    """Unclaimed for so long, an alert goes to the supervisors, and after as long again to the whole site."""
    reference_pattern: str = USUAL_REFERENCE_PATTERN


@dataclass(frozen=True)
class Holder:
    """Who works on an alert, and at which PC."""

    person_id: UUID
    agent: str


@dataclass(frozen=True)
class Claim:
    """A lease: the holder has the alert until `until`, and may renew it."""

    holder: Holder
    until: datetime


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


def check_note(text: str, *, needed: bool) -> None:
    """Raise NOTE_INVALID unless `text` has at most 1000 printable characters or line breaks, and any when needed."""
    printable = text.replace("\n", "").isprintable()
    if len(text) > MOST_NOTE or not printable or (needed and not text.strip()):
        raise CekalwatchError(Code.NOTE_INVALID)


@dataclass(frozen=True)
class Handling:
    """What people have done with an alert so far. `revision` counts their steps; sightings do not change it."""

    raised_at: datetime
    state: AlertState = AlertState.NEW
    revision: int = 0
    unclaimed_since: datetime = field(default=datetime.min)
    """When it came up, or was last released."""
    claim: Claim | None = None
    findings: tuple[Finding, ...] = ()
    reference: str = ""
    """The number that Cekal Online gave, once it is confirmed."""
    follow_ups: tuple[FollowUp, ...] = ()
    escalation: Escalation = Escalation.COUNTER

    def __post_init__(self) -> None:
        if self.unclaimed_since == datetime.min:
            object.__setattr__(self, "unclaimed_since", self.raised_at)

    @property
    def officer(self) -> UUID | None:
        """Who judged it at the counter."""
        return next((one.by for one in self.findings if one.outcome in OFFICERS_OUTCOMES), None)

    def claimed(self, holder: Holder, now: datetime, policy: HandlingPolicy) -> Handling:
        """Return the alert held by `holder`; its own claim is renewed. ALERT_HELD when another holds it."""
        current = self.settled(now)
        if current.state is AlertState.CLAIMED and current.claim and current.claim.holder == holder:
            return replace(current, claim=Claim(holder, now + policy.lease))
        if current.state is AlertState.CLAIMED:
            raise CekalwatchError(Code.ALERT_HELD)
        current._check(current.revision, AlertState.NEW)
        return current._step(AlertState.CLAIMED, claim=Claim(holder, now + policy.lease))

    def released(self, holder: Holder, now: datetime) -> Handling:
        """Return the alert given back by its holder. ALERT_HELD when that is another, ALERT_NOT_CLAIMED when nobody."""
        current = self.settled(now)
        current._check_holder(holder)
        return current._step(AlertState.NEW, claim=None, unclaimed_since=now)

    def settled(self, now: datetime) -> Handling:
        """Return the alert as it stands at `now`: a claim that ran out is released."""
        if self.state is AlertState.CLAIMED and self.claim and self.claim.until <= now:
            return self._step(AlertState.NEW, claim=None, unclaimed_since=self.claim.until)
        return self

    def escalated(self, now: datetime, policy: HandlingPolicy) -> Handling:
        """Return the alert as far up as it has to be at `now`; it never comes down again."""
        current = self.settled(now)
        if current.state is not AlertState.NEW:
            return current
        waited = now - current.unclaimed_since
        level = Escalation(min(max(waited // policy.to_supervisor, 0), max(Escalation)))
        return current._step(AlertState.NEW, escalation=level) if level > current.escalation else current

    def adjudicated(
        self, holder: Holder, finding: Finding, revision: int, now: datetime, *, order_in_force: bool
    ) -> Handling:
        """Return the alert as its holder judged it."""
        if finding.outcome not in OFFICERS_OUTCOMES:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, f"{finding.outcome} at the counter")
        current = self.settled(now)
        current._check_holder(holder)
        current._check(revision, AlertState.CLAIMED)
        _check_order(finding.outcome, order_in_force)
        findings = (*current.findings, finding)
        judged = current._step(AlertState(finding.outcome), claim=None, findings=findings)
        if finding.outcome is Outcome.NOT_SAME_PERSON:
            return replace(judged, state=AlertState.CLEARED)
        return judged

    def confirmed(
        self,
        people: TwoPeople,
        finding: Finding,
        reference: str,
        revision: int,
        policy: HandlingPolicy,
        *,
        order_in_force: bool,
    ) -> Handling:
        """Return the alert as a hit: Cekal Online lists the traveller, and a supervisor beside the officer says so."""
        self._check(revision, *PENDING)
        if people.action is not TwoPersonAction.CONFIRM_ALERT or finding.outcome is not Outcome.CONFIRMED:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED)
        if people.first.person_id != self.officer or people.second.person_id != finding.by:
            raise CekalwatchError(Code.SAME_PERSON_TWICE, "the two are not who judged it and who confirms it")
        if not re.fullmatch(policy.reference_pattern, reference):
            raise CekalwatchError(Code.REFERENCE_INVALID)
        _check_order(finding.outcome, order_in_force)
        return self._step(AlertState.CONFIRMED, reference=reference, findings=(*self.findings, finding))

    def cleared(self, person: Person, finding: Finding, revision: int) -> Handling:
        """Return the alert as cleared after a referral; what could not be determined needs a supervisor."""
        if finding.outcome is not Outcome.CLEARED or finding.by != person.person_id:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, finding.outcome)
        self._check(revision, *PENDING)
        if self.state is AlertState.CANNOT_DETERMINE and PersonRole.SUPERVISOR not in person.roles:
            raise CekalwatchError(Code.PERSON_ROLE_NEEDED, PersonRole.SUPERVISOR)
        return self._step(AlertState.CLEARED, findings=(*self.findings, finding))

    def followed_up(self, follow_up: FollowUp, revision: int) -> Handling:
        """Return the alert with one more contact with the agency."""
        self._check(revision, AlertState.CONFIRMED)
        if len(self.follow_ups) >= MOST_FOLLOW_UPS:
            raise CekalwatchError(Code.TOO_MANY_FOLLOW_UPS)
        return self._step(self.state, follow_ups=(*self.follow_ups, follow_up))

    def closed(self, revision: int) -> Handling:
        """Return the alert as closed; FOLLOW_UP_MISSING when a hit was told to no agency."""
        self._check(revision, AlertState.CONFIRMED, AlertState.CLEARED)
        if self.state is AlertState.CONFIRMED and not self.follow_ups:
            raise CekalwatchError(Code.FOLLOW_UP_MISSING)
        return self._step(AlertState.CLOSED)

    def _check(self, revision: int, *states: AlertState) -> None:
        if self.state not in states:
            raise CekalwatchError(Code.ALERT_STATE_WRONG, self.state)
        if revision != self.revision:
            raise CekalwatchError(Code.ALERT_CHANGED, f"{revision} is not {self.revision}")

    def _check_holder(self, holder: Holder) -> None:
        if self.state is not AlertState.CLAIMED or self.claim is None:
            raise CekalwatchError(Code.ALERT_NOT_CLAIMED, self.state)
        if self.claim.holder != holder:
            raise CekalwatchError(Code.ALERT_HELD)

    def _step(self, state: AlertState, **changes: object) -> Handling:
        return replace(self, state=state, revision=self.revision + 1, **changes)  # type: ignore[arg-type]


def _check_order(outcome: Outcome, order_in_force: bool) -> None:  # noqa: FBT001  # private, one meaning
    if outcome in NEEDS_ORDER and not order_in_force:
        raise CekalwatchError(Code.ORDER_NOT_IN_FORCE, outcome)
