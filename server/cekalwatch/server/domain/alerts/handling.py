"""The life of an alert: its claim, people's decisions, its escalation (domain rules 1, 4, 5 and 6).

    NEW → CLAIMED → {NOT_SAME_PERSON | CANNOT_DETERMINE | REFERRED} → {CONFIRMED | CLEARED} → CLOSED

Each step returns a new `Handling`, or raises an error of the catalogue and changes nothing. NOT_SAME_PERSON is a
finding that clears the alert (never the subject) in the same step, so no alert is in that state; where another
candidate is left, it rules out the one that was judged, and the alert stays with its holder for the next.
CANNOT_DETERMINE waits for a supervisor, who confirms or clears it as if it had been referred.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from cekalwatch.contract.values.adjudication import (
    NEEDS_ORDER,
    OFFICERS_OUTCOMES,
    OPEN_STATES,
    STEP_OUTCOMES,
    STEP_STATES,
    UNDECIDED,
    UNSETTLED,
    AlertState,
    Escalation,
    Outcome,
    Step,
    step_states,
)
from cekalwatch.contract.values.people import CONFIRMS
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import Person, TwoPeople, TwoPersonAction

MAX_FOLLOW_UPS = 50
MAX_FOLLOW_UP_BYTES = 32 * 1024
"""All follow-ups of an alert together, in UTF-8: an alert must fit into a message."""
DEFAULT_REFERENCE_PATTERN = r"[A-Z0-9][A-Z0-9/.-]{3,63}"
"""Form of a reference number of Cekal Online; the settings can change it."""


_STEPS = {outcome: step for step, outcome in STEP_OUTCOMES.items()}
_STATE_AFTER = {
    Outcome.NOT_SAME_PERSON: AlertState.CLEARED,
    Outcome.CANNOT_DETERMINE: AlertState.CANNOT_DETERMINE,
    Outcome.REFERRED: AlertState.REFERRED,
}


@dataclass(frozen=True)
class HandlingPolicy:
    """The times of an alert's life, set by the settings."""

    lease: timedelta = timedelta(seconds=90)
    """Validity of a claim without renewal, so that it ends when the officer's PC dies."""
    to_supervisor: timedelta = timedelta(seconds=60)
    """After this time unclaimed, an alert goes to the supervisors, and after the same time again to the whole site."""
    to_settle: timedelta = timedelta(minutes=10)
    """After this time claimed, referred or undecided, an alert is escalated to the supervisors."""
    again: timedelta = timedelta(minutes=5)
    """Interval at which an escalated alert is announced again to the same people, until it is settled."""
    reference_pattern: str = DEFAULT_REFERENCE_PATTERN


@dataclass(frozen=True)
class Holder:
    """The person who works on an alert, and the PC."""

    person_id: UUID
    agent: str


@dataclass(frozen=True)
class Claim:
    """A lease: the holder has the alert until `until`, and may renew it."""

    holder: Holder
    until: datetime


@dataclass(frozen=True)
class Circumstances:
    """Facts about an alert at the moment of a step."""

    unchanged: bool
    """Whether the person has seen the alert's present version (rule 4)."""
    order_in_force: bool = False
    """Whether an order of the judged candidate is in force (rule 1); asked about where a step needs one."""
    last_candidate: bool = True
    """Whether no other candidate is left to be judged when this one is ruled out (rule 4)."""

    def check(self, handling: Handling, step: Step) -> None:
        """Raise ALERT_STATE_WRONG where the step cannot be taken, and ALERT_CHANGED where they have not seen it all."""
        _check_state(handling, step)
        if not self.unchanged:
            raise CekalwatchError(Code.ALERT_CHANGED)

    def check_order(self, outcome: Outcome) -> None:
        """Raise ORDER_NOT_IN_FORCE where the outcome needs an order."""
        if outcome in NEEDS_ORDER and not self.order_in_force:
            raise CekalwatchError(Code.ORDER_NOT_IN_FORCE, outcome)


@dataclass(frozen=True)
class Handling:
    """The steps that people have taken with an alert."""

    raised_at: datetime
    state: AlertState = AlertState.NEW
    stands_since: datetime | None = None
    """Time of its present state, or of an order's return to force; None: the time when it was raised."""
    claim: Claim | None = None
    findings: tuple[Finding, ...] = ()
    reference: str = ""
    """The reference number of Cekal Online, once it is confirmed."""
    follow_ups: tuple[FollowUp, ...] = ()
    escalation: Escalation = Escalation.COUNTER
    escalated_at: datetime | None = None
    """Time of the last escalation or repeated announcement."""
    escalations: int = 0
    """How often that was."""
    orders_ended_at: datetime | None = None
    """Time since which no order of the alert is in force; None while one is. Cleared and closed ones do not change."""

    @property
    def waits_since(self) -> datetime:
        """Since when it waits for the step that its state asks for."""
        return self.stands_since or self.raised_at

    @property
    def officer(self) -> UUID | None:
        """The officer who adjudicated it at the counter; with several candidates, the last one."""
        return next((one.by for one in reversed(self.findings) if one.outcome in OFFICERS_OUTCOMES), None)

    @property
    def size(self) -> int:
        """Bytes, in UTF-8, of the texts of people."""
        return sum(len(one.note.encode()) for one in self.findings) + sum(one.size for one in self.follow_ups)

    @property
    def people(self) -> frozenset[UUID]:
        """Everybody who worked on it."""
        holder = {self.claim.holder.person_id} if self.claim else set()
        return frozenset(
            holder | {finding.by for finding in self.findings} | {follow_up.by for follow_up in self.follow_ups}
        )

    def claimed(self, holder: Holder, now: datetime, policy: HandlingPolicy) -> Handling:
        """Return the alert claimed by `holder`, or their claim renewed. Raises ALERT_HELD when another holds it."""
        current = self.settled(now)
        if current.state is AlertState.CLAIMED and current.claim and current.claim.holder == holder:
            return replace(current, claim=Claim(holder, now + policy.lease))
        if current.state is AlertState.CLAIMED:
            raise CekalwatchError(Code.ALERT_HELD)
        _check_state(current, Step.CLAIM)
        return _step(current, AlertState.CLAIMED, claim=Claim(holder, now + policy.lease), stands_since=now)

    def released(self, holder: Holder, now: datetime) -> Handling:
        """Return the alert released by its holder. Raises ALERT_HELD or ALERT_NOT_CLAIMED when that is not `holder`."""
        current = self.settled(now)
        _check_holder(current, holder)
        return _step(current, AlertState.NEW, claim=None, stands_since=now)

    def settled(self, now: datetime) -> Handling:
        """Return the alert at `now`: a claim that ran out is released."""
        if self.state is AlertState.CLAIMED and self.claim and self.claim.until <= now:
            return _step(self, AlertState.NEW, claim=None, stands_since=self.claim.until)
        return self

    def escalated(self, now: datetime, policy: HandlingPolicy) -> Handling:
        """Return the alert escalated or announced again, as is due at `now` (rule 6); it is never de-escalated.

        What nobody claims goes up twice; what somebody holds, referred or could not determine goes to the supervisors.
        Whatever nobody settles is announced again and again, unless its orders have ended. One of a moment that is far
        ahead goes up now, and waits from now on: the clock was ahead, and is not waited for to come there again.
        """
        current = self.settled(now)
        if current.state not in UNSETTLED or current.orders_ended_at:
            return current
        waited, unclaimed = now - current.waits_since, current.state is AlertState.NEW
        patience = policy.to_supervisor if unclaimed else policy.to_settle
        highest = Escalation.SITE if unclaimed else Escalation.SUPERVISOR
        last = max(current.waits_since, current.escalated_at or current.waits_since)
        if last > now + patience:
            level = max(current.escalation, Escalation.SUPERVISOR)
            return _gone_up(replace(current, stands_since=now), level, now)
        level = max(current.escalation, Escalation(min(max(waited // patience, 0), highest)))
        if current.escalated_at is None or current.escalated_at < current.waits_since:
            due = waited >= patience
        else:
            due = now - current.escalated_at >= policy.again
        if level == current.escalation and not due:
            return current
        return _gone_up(current, level, now)

    def with_orders(self, now: datetime, *, in_force: bool) -> Handling:
        """Return the alert marked by whether an order of it is in force at `now` (rule 1), a confirmed one too.

        Cleared and closed ones do not change. Once one is in force again, it waits from then on.
        """
        if self.state not in OPEN_STATES or in_force is (self.orders_ended_at is None):
            return self
        return replace(
            self, orders_ended_at=None if in_force else now, stands_since=now if in_force else self.stands_since
        )

    def adjudicated(self, holder: Holder, finding: Finding, now: datetime, circumstances: Circumstances) -> Handling:
        """Return the alert with its holder's finding; they stay the holder if another candidate must be judged."""
        if finding.outcome not in OFFICERS_OUTCOMES:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, f"{finding.outcome} at the counter")
        current = self.settled(now)
        _check_holder(current, holder)
        circumstances.check(current, _STEPS[finding.outcome])
        circumstances.check_order(finding.outcome)
        findings = (*current.findings, finding)
        if finding.outcome is Outcome.NOT_SAME_PERSON and not circumstances.last_candidate:
            return _step(current, AlertState.CLAIMED, findings=findings, stands_since=now)
        return _step(current, _STATE_AFTER[finding.outcome], claim=None, findings=findings, stands_since=now)

    def confirmed(
        self,
        people: TwoPeople,
        finding: Finding,
        reference: str,
        policy: HandlingPolicy,
        circumstances: Circumstances,
    ) -> Handling:
        """Return the alert confirmed: Cekal Online lists the traveller, as an officer and a supervisor say."""
        circumstances.check(self, Step.CONFIRM)
        if people.action is not TwoPersonAction.CONFIRM_ALERT or finding.outcome is not Outcome.CONFIRMED:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED)
        if people.first.person_id != self.officer or people.second.person_id != finding.by:
            raise CekalwatchError(Code.SAME_PERSON_TWICE, "the two are not who adjudicated it and who confirms it")
        if not re.fullmatch(policy.reference_pattern, reference):
            raise CekalwatchError(Code.REFERENCE_INVALID)
        circumstances.check_order(finding.outcome)
        return _step(self, AlertState.CONFIRMED, reference=reference, findings=(*self.findings, finding))

    def cleared(self, person: Person, finding: Finding, circumstances: Circumstances) -> Handling:
        """Return the alert cleared: after a referral, or in any state once its orders have ended.

        CANNOT_DETERMINE needs a supervisor. Raises ALERT_HELD when another person holds it. Where another candidate is
        to be judged, the alert is NEW again: nobody has judged that one at the counter.
        """
        if finding.outcome is not Outcome.CLEARED or finding.by != person.person_id:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, finding.outcome)
        current = self.settled(finding.at)
        circumstances.check(current, Step.CLEAR)
        if current.claim and current.claim.holder.person_id != person.person_id:
            raise CekalwatchError(Code.ALERT_HELD)
        if current.state is AlertState.CANNOT_DETERMINE and not person.roles & CONFIRMS:
            raise CekalwatchError(Code.PERSON_ROLE_NEEDED, "who confirms")
        findings = (*current.findings, finding)
        if not circumstances.last_candidate:
            return _step(current, AlertState.NEW, findings=findings, stands_since=finding.at)
        return _step(current, AlertState.CLEARED, claim=None, findings=findings)

    def followed_up(self, follow_up: FollowUp, circumstances: Circumstances) -> Handling:
        """Return the alert with one more contact with the agency."""
        circumstances.check(self, Step.FOLLOW_UP)
        size = follow_up.size + sum(one.size for one in self.follow_ups)
        if len(self.follow_ups) >= MAX_FOLLOW_UPS or size > MAX_FOLLOW_UP_BYTES:
            raise CekalwatchError(Code.TOO_MANY_FOLLOW_UPS)
        return _step(self, self.state, follow_ups=(*self.follow_ups, follow_up))

    def closed(self, circumstances: Circumstances) -> Handling:
        """Return the alert closed. Raises FOLLOW_UP_MISSING when it is confirmed and no agency was contacted."""
        circumstances.check(self, Step.CLOSE)
        if self.state is AlertState.CONFIRMED and not self.follow_ups:
            raise CekalwatchError(Code.FOLLOW_UP_MISSING)
        return _step(self, AlertState.CLOSED)


def _step(handling: Handling, state: AlertState, **changes: object) -> Handling:
    return replace(handling, state=state, **changes)  # type: ignore[arg-type]


def _gone_up(handling: Handling, level: Escalation, now: datetime) -> Handling:
    return replace(handling, escalation=level, escalated_at=now, escalations=handling.escalations + 1)


def _check_state(handling: Handling, step: Step) -> None:
    ended = handling.orders_ended_at is not None
    if handling.state not in step_states(step, orders_ended=ended):
        code = Code.ORDER_NOT_IN_FORCE if handling.state in STEP_STATES[step] else Code.ALERT_STATE_WRONG
        raise CekalwatchError(code, handling.state)


def _check_holder(handling: Handling, holder: Holder) -> None:
    if handling.state not in UNDECIDED:
        raise CekalwatchError(Code.ALERT_STATE_WRONG, handling.state)
    if handling.claim is None:
        raise CekalwatchError(Code.ALERT_NOT_CLAIMED, handling.state)
    if handling.claim.holder != holder:
        raise CekalwatchError(Code.ALERT_HELD)
