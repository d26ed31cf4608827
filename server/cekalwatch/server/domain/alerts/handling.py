"""The life of an alert: its claim, people's decisions, its escalation (domain rules 1, 4, 5 and 6).

    NEW → CLAIMED → {NOT_SAME_PERSON | CANNOT_DETERMINE | REFERRED} → {CONFIRMED | CLEARED} → CLOSED

Each step returns a new `Handling`, or raises an error of the catalogue and changes nothing. NOT_SAME_PERSON is a
finding that clears the alert (never the subject) in the same step, so no alert is in that state; where another
candidate is left, it rules out the one that was judged, and the alert stays with its holder for the next.
CANNOT_DETERMINE waits for a supervisor, who confirms or clears it as if it had been referred.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Self

from cekalwatch.contract.values import adjudication as values
from cekalwatch.contract.values.adjudication import (
    JUDGEMENTS,
    NEEDS_ORDER,
    OFFICERS_OUTCOMES,
    OPEN_STATES,
    OWED_STEPS,
    PENDING,
    STEP_OUTCOMES,
    STEP_STATES,
    UNDECIDED,
    UNDO_FOR,
    UNSETTLED,
    AlertState,
    Escalation,
    Outcome,
    Reason,
    Step,
    step_states,
)
from cekalwatch.contract.values.people import CONFIRMS, PersonReference, TwoPersonAction
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp, Look
from cekalwatch.server.domain.people import Person, TwoPeople, role_needed
from cekalwatch.server.foundation.errors import CekalwatchError, Code

MAX_FOLLOW_UPS = 50
MAX_FOLLOW_UP_BYTES = 32 * 1024
"""All follow-ups of an alert together, in UTF-8: an alert must fit into a message."""
DEFAULT_REFERENCE_PATTERN = r"[A-Z0-9][A-Z0-9/.-]{3,63}"
"""Form of a reference number of Cekal Online; the settings can change it."""


_STEPS = {STEP_OUTCOMES[step]: step for step in JUDGEMENTS}
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
    owed_again: timedelta = timedelta(hours=1)
    """The same for a hit whose reference number is owed: Cekal Online may be away for days."""
    reference_pattern: str = DEFAULT_REFERENCE_PATTERN


@dataclass(frozen=True)
class Holder:
    """The person who works on an alert, and the PC."""

    person: PersonReference
    agent_id: str


@dataclass(frozen=True)
class Claim(values.Claim):
    """A lease: the holder has the alert, and may renew it.

    It ends when a server has watched it for the length of a lease without a renewal, whatever the clocks say.
    `expires_at` is by the clock of the server that gave or renewed it: another moment after each renewal.
    """

    @property
    def by(self) -> Holder:
        """Who has it, and at which PC."""
        return Holder(self.holder, self.agent_id)

    @classmethod
    def of(cls, holder: Holder, until: datetime) -> Self:
        """Return a claim of `holder`."""
        return cls(holder.person, holder.agent_id, until)

    def renewed(self, until: datetime) -> Self:
        """Return the renewed claim, which differs from this one even if the clock has been set back."""
        return replace(self, expires_at=until if until != self.expires_at else until + timedelta.resolution)


@dataclass(frozen=True)
class Watched:
    """How long a server has watched an alert unchanged, by a clock that nobody sets."""

    claim: timedelta = timedelta()
    """Time since its claim was given or renewed, as far as the server has seen it."""
    wait: timedelta = timedelta()
    """Time for which it has waited for the step that its state asks for."""
    call: timedelta = timedelta()
    """Time since its last escalation or repeated announcement."""


@dataclass(frozen=True)
class Circumstances:
    """Facts about an alert at the moment of a step."""

    unchanged: bool
    """Whether the person has seen the alert's present version (rule 4)."""
    order_in_force: bool = False
    """Whether an order of the judged candidate is in force (rule 1); asked about where a step needs one."""
    last_candidate: bool = True
    """Whether no other candidate is left to be judged when this one is ruled out (rule 4)."""
    agencies_owed: tuple[str, ...] = ()
    """The agencies that must be told before it is closed (rule 6); see `domain/alerts/agencies_owed.py`."""

    def check(self, handling: Handling, step: Step) -> None:
        """Raise ALERT_STATE_WRONG where the step cannot be taken, and ALERT_CHANGED where they have not seen it all."""
        _check_state(handling, step)
        if not self.unchanged:
            raise CekalwatchError(Code.ALERT_CHANGED)

    def check_order(self, outcome: Outcome) -> None:
        """Raise ORDER_NOT_IN_FORCE where the outcome needs an order."""
        if outcome in NEEDS_ORDER and not self.order_in_force:
            raise CekalwatchError(Code.ORDER_NOT_IN_FORCE, outcome)

    def check_ended(self, finding: Finding) -> None:
        """Raise ORDER_IN_FORCE where the reason is that the order has ended, and it has not."""
        if finding.reason is Reason.ORDER_ENDED and self.order_in_force:
            raise CekalwatchError(Code.ORDER_IN_FORCE)


@dataclass(frozen=True, kw_only=True)
class Handling(values.Handling):
    """The steps that people have taken with an alert, who are known by their keys alone.

    `escalated_at` is since an officer has judged it if one has. `unclaimed_since` is for readers.
    """

    raised_at: datetime
    state: AlertState = AlertState.NEW
    stands_since: datetime | None = None
    """Time of its present state, or of an order's return to force; None: the time when it was raised."""
    claim: Claim | None = None
    findings: tuple[Finding, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    looks: tuple[Look, ...] = ()
    orders_ended_at: datetime | None = None
    """Time since which no order of the alert is in force; None while one is. Cleared and closed ones do not change."""
    turn: int = 1
    """Counts how often somebody has taken it up, judged it or left it, and its orders came again."""
    attended: int = 0
    """Somebody deals with what came before this turn: passages, and announcements; nobody does where it is 0."""
    called: int = 0
    """The turn of the last announcement to supervisors or the site; 0 before the first."""

    @property
    def waits_since(self) -> datetime:
        """Since when it waits for the step that its state asks for."""
        return self.stands_since or self.raised_at

    @property
    def reference_owed_since(self) -> datetime | None:
        """When the hit was confirmed without a reference number, since Cekal Online could not be reached; else None."""
        return super().reference_owed_since if self.state is AlertState.CONFIRMED else None

    @property
    def undoable(self) -> Finding | None:
        """The judgement at the counter that can be undone: nothing else happened to the alert since, and supervisors
        were not told of it."""
        last = self.findings[-1] if self.findings else None
        if last is None or last.outcome not in OFFICERS_OUTCOMES or self.orders_ended_at:
            return None
        next_face = last.outcome is Outcome.NOT_SAME_PERSON and self.state is AlertState.CLAIMED
        told = self.state in PENDING and self.escalated_at is not None
        return last if not told and (next_face or self.state is _STATE_AFTER[last.outcome]) else None

    @property
    def size(self) -> int:
        """Bytes, in UTF-8, of the texts of people."""
        return sum(len(one.note.encode()) for one in self.findings) + sum(one.size for one in self.follow_ups)

    @property
    def asks_looks(self) -> bool:
        """Whether somebody may still judge the faces: it is not settled, and an order is in force."""
        return self.state in UNSETTLED and self.orders_ended_at is None

    def looked(self, look: Look, circumstances: Circumstances) -> Handling:
        """Return the alert with a first look (rule 15), unless the person has looked at that face or judged it.

        Whoever holds the alert: a supervisor looks before they see what the officer found.
        """
        if look.subject_id in self.seen_by(look.person.person_id):
            return self
        if not self.asks_looks:
            raise CekalwatchError(Code.ALERT_STATE_WRONG, self.state)
        if not circumstances.unchanged:
            raise CekalwatchError(Code.ALERT_CHANGED)
        return replace(self, looks=(*self.looks, look))

    def claimed(self, holder: Holder, now: datetime, policy: HandlingPolicy) -> Handling:
        """Return the alert claimed by `holder`, or their claim renewed. Raises ALERT_HELD when another holds it.

        It goes on waiting to be settled from when it was raised, however often it is claimed and released (rule 6).
        """
        until = now + policy.lease
        if self.state is AlertState.CLAIMED and self.claim and self.claim.by == holder:
            return replace(self, claim=self.claim.renewed(until))
        if self.state is AlertState.CLAIMED:
            raise CekalwatchError(Code.ALERT_HELD)
        _check_state(self, Step.CLAIM)
        return _step(self, AlertState.CLAIMED, claim=Claim.of(holder, until))

    def released(self, holder: Holder) -> Handling:
        """Return the alert released by its holder. Raises ALERT_HELD or ALERT_NOT_CLAIMED when that is not `holder`."""
        _check_holder(self, holder)
        return _step(self, AlertState.NEW, claim=None)

    def lapsed(self, watched: Watched, policy: HandlingPolicy, gone: Collection[str] = ()) -> Handling:
        """Return the alert released, if nobody has renewed its claim for a lease, or its holder is one of `gone`."""
        if self.claim and (watched.claim >= policy.lease or self.claim.holder.person_id in gone):
            return _step(self, AlertState.NEW, claim=None)
        return self

    def taken_over(
        self, holder: Holder, finding: Finding, now: datetime, policy: HandlingPolicy, circumstances: Circumstances
    ) -> Handling:
        """Return the alert held by a supervisor, who has taken it from its holder or from who judged it (rule 6).

        It is looked at anew, by them or by whom they leave it to: also where who judged it was disabled since.
        """
        circumstances.check(self, Step.TAKE_OVER)
        if finding.outcome is not Outcome.TAKEN_OVER or finding.person != holder.person:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, finding.outcome)
        if self.claim and self.claim.by == holder:
            raise CekalwatchError(Code.ALERT_STATE_WRONG, "they hold it")
        claim, attended = Claim.of(holder, now + policy.lease), self.turn + 1
        return _step(self, AlertState.CLAIMED, attended, claim=claim, findings=(*self.findings, finding))

    def escalated(
        self,
        now: datetime,
        policy: HandlingPolicy,
        watched: Watched,
        agencies_owed: Collection[str] = (),
        place: Escalation = Escalation.COUNTER,
    ) -> Handling:
        """Return the alert escalated or announced again, as is due at `now` (rule 6); it is never de-escalated.

        What nobody claims goes up twice, and at once to `place` where its counter has no PC that would ring; what
        somebody holds, referred or could not determine goes to the supervisors, and so does a hit of which agencies
        must still be told, or whose reference is owed. Whatever nobody settles is announced again and again, unless its
        orders have ended and no reference is owed. A judgement that supervisors have to settle is announced to them
        once it cannot be undone any more. The clock can let that happen sooner, and a server that was restarted goes by
        it, but never later than `watched` says.
        """
        owed = self.reference_owed_since is not None
        waits = self.state in UNSETTLED or (self.state is AlertState.CONFIRMED and agencies_owed)
        if not owed and (not waits or self.orders_ended_at):
            return self
        waited, unclaimed = max(watched.wait, now - self.waits_since), self.state is AlertState.NEW
        patience = policy.to_supervisor if unclaimed else policy.to_settle
        highest = Escalation.SITE if unclaimed else Escalation.SUPERVISOR
        level = max(
            self.escalation,
            Escalation(min(waited // patience, highest)),
            place if unclaimed else Escalation.COUNTER,
        )
        judged = self.state in PENDING
        if self.escalated_at is None or self.escalated_at < self.waits_since:
            due = waited >= (UNDO_FOR if judged else patience)
        elif judged and self.escalated_at - self.waits_since < patience:
            due = waited >= patience
        else:
            due = max(watched.call, now - self.escalated_at) >= (policy.owed_again if owed else policy.again)
        if level == self.escalation and not due:
            return self
        # A moment that lies ahead is of a clock that was wrong.
        return _gone_up(replace(self, stands_since=min(self.waits_since, now - waited)), level, now)

    def with_orders(self, now: datetime, *, in_force: bool) -> Handling:
        """Return the alert marked by whether an order of it is in force at `now` (rule 1), a confirmed one too.

        Cleared and closed ones do not change. Once one is in force again, it waits from then on.
        """
        if self.state not in OPEN_STATES or in_force is (self.orders_ended_at is None):
            return self
        if not in_force:
            return replace(self, orders_ended_at=now)
        # That says so to supervisors too.
        told, turn = self.state in PENDING, self.turn + 1
        again = replace(self, orders_ended_at=None, stands_since=now, turn=turn)
        return replace(again, escalated_at=now, called=turn) if told else again

    def adjudicated(self, holder: Holder, finding: Finding, now: datetime, circumstances: Circumstances) -> Handling:
        """Return the alert with its holder's finding; they stay the holder if another candidate must be judged."""
        if finding.outcome not in OFFICERS_OUTCOMES:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, f"{finding.outcome} at the counter")
        _check_holder(self, holder)
        circumstances.check(self, _STEPS[finding.outcome])
        circumstances.check_order(finding.outcome)
        findings = (*self.findings, finding)
        if finding.outcome is Outcome.NOT_SAME_PERSON and not circumstances.last_candidate:
            return _step(self, AlertState.CLAIMED, findings=findings)
        # Nobody was told of the judgement yet, whatever the clocks of servers say.
        state = _STATE_AFTER[finding.outcome]
        return _step(self, state, claim=None, findings=findings, stands_since=now, escalated_at=None)

    def undone(self, holder: Holder, undoing: Finding, policy: HandlingPolicy) -> Handling:
        """Return the alert as it was before its holder's judgement of `undoing.subject_id`, within UNDO_FOR of it.

        Without a key, it is the last one. The alert has waited to be settled since it was raised.
        """
        judged = self.undoable
        if self.claim and self.claim.by != holder:
            raise CekalwatchError(Code.ALERT_HELD)
        own = judged and judged.person == undoing.person and undoing.subject_id in {"", judged.subject_id}
        if judged is None or not own or undoing.found_at - judged.found_at > UNDO_FOR:
            raise CekalwatchError(Code.ALERT_STATE_WRONG, "nothing to undo")
        claim = Claim.of(holder, undoing.found_at + policy.lease)
        undoing = replace(undoing, subject_id=judged.subject_id)
        findings, attended = (*self.findings, undoing), self.attended  # nobody deals with who came since the judgement
        return _step(self, AlertState.CLAIMED, attended, claim=claim, findings=findings, stands_since=None)

    def confirmed(
        self,
        people: TwoPeople,
        finding: Finding,
        reference: str,
        policy: HandlingPolicy,
        circumstances: Circumstances,
    ) -> Handling:
        """Return the alert confirmed: Cekal Online lists the traveller, as two people say, one of them a supervisor.

        While Cekal Online cannot be reached, they confirm it without the reference number, which is owed then.
        """
        circumstances.check(self, Step.CONFIRM)
        if people.action is not TwoPersonAction.CONFIRM_ALERT or finding.outcome is not Outcome.CONFIRMED:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED)
        if people.first.reference != self.officer or people.second.reference != finding.person:
            raise CekalwatchError(Code.SAME_PERSON_TWICE, "the two are not who adjudicated it and who confirms it")
        _check_reference(finding, reference, policy)
        circumstances.check_order(finding.outcome)
        findings = (*self.findings, finding)
        return _step(self, AlertState.CONFIRMED, reference=reference, findings=findings, stands_since=finding.found_at)

    def with_reference(
        self, finding: Finding, reference: str, policy: HandlingPolicy, circumstances: Circumstances
    ) -> Handling:
        """Return the hit with the reference number that was owed; Cekal Online lists the traveller indeed."""
        circumstances.check(self, Step.ENTER_REFERENCE)
        if finding.outcome is not Outcome.CONFIRMED or finding.reason is Reason.CENTRAL_SYSTEM_DOWN:
            raise CekalwatchError(Code.REASON_INVALID, finding.reason)
        _check_reference(finding, reference, policy)
        return _step(self, AlertState.CONFIRMED, reference=reference, findings=(*self.findings, finding))

    def taken_back(self, finding: Finding, circumstances: Circumstances) -> Handling:
        """Return the alert cleared, whose reference number was owed: Cekal Online does not list the traveller."""
        if finding.outcome is not Outcome.CLEARED:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, finding.outcome)
        circumstances.check(self, Step.TAKE_BACK)
        circumstances.check_ended(finding)
        findings = (*self.findings, finding)
        return _step(self, AlertState.CLEARED, findings=findings, stands_since=finding.found_at)

    def cleared(self, person: Person, finding: Finding, circumstances: Circumstances) -> Handling:
        """Return the alert cleared: after a referral, or in any state once its orders have ended.

        CANNOT_DETERMINE needs a supervisor. Raises ALERT_HELD when another person holds it. Where another candidate is
        to be judged, the alert is NEW again: nobody has judged that one at the counter.
        """
        if finding.outcome is not Outcome.CLEARED or finding.person != person.reference:
            raise CekalwatchError(Code.OUTCOME_NOT_ALLOWED, finding.outcome)
        circumstances.check(self, Step.CLEAR)
        if self.claim and self.claim.holder != person.reference:
            raise CekalwatchError(Code.ALERT_HELD)
        if self.state is AlertState.CANNOT_DETERMINE and not person.roles & CONFIRMS:
            raise role_needed(CONFIRMS, "who confirms")
        circumstances.check_ended(finding)
        findings = (*self.findings, finding)
        state = AlertState.CLEARED if circumstances.last_candidate else AlertState.NEW
        return _step(self, state, claim=None, findings=findings, stands_since=finding.found_at)

    def followed_up(self, follow_up: FollowUp, circumstances: Circumstances) -> Handling:
        """Return the alert with one more contact with the agency."""
        circumstances.check(self, Step.FOLLOW_UP)
        size = follow_up.size + sum(one.size for one in self.follow_ups)
        if len(self.follow_ups) >= MAX_FOLLOW_UPS or size > MAX_FOLLOW_UP_BYTES:
            raise CekalwatchError(Code.TOO_MANY_FOLLOW_UPS)
        release = follow_up.release or self.orders_ended_at is not None
        told = replace(follow_up, release=release, by_order=follow_up.by_order and not release)
        return _step(self, self.state, follow_ups=(*self.follow_ups, told))

    def closed(self, circumstances: Circumstances) -> Handling:
        """Return the alert closed.

        Raises REFERENCE_OWED while the reference number was not entered, and
        FOLLOW_UP_MISSING, which names the agencies, while one must still be told of a hit or of its end.
        """
        circumstances.check(self, Step.CLOSE)
        if self.reference_owed_since:
            raise CekalwatchError(Code.REFERENCE_OWED)
        untold = self.state is AlertState.CONFIRMED and not self.follow_ups and self.orders_ended_at is None
        if untold or circumstances.agencies_owed:
            error = CekalwatchError(Code.FOLLOW_UP_MISSING)
            error.told = MappingProxyType({"agencies": ", ".join(circumstances.agencies_owed)})
            raise error
        return _step(self, AlertState.CLOSED)


def _step(handling: Handling, state: AlertState, attended: int | None = None, **changes: object) -> Handling:
    """Return the alert in a state. In a new one somebody deals with all that came, unless it waits for somebody."""
    if attended is not None or state is not handling.state:
        turn = handling.turn + 1
        taken_up = turn if attended is None else attended
        changes |= {"turn": turn, "attended": 0 if state is AlertState.NEW else taken_up}
    return replace(handling, state=state, **changes)  # type: ignore[arg-type]


def _gone_up(handling: Handling, level: Escalation, now: datetime) -> Handling:
    times = handling.escalations + 1
    return replace(handling, escalation=level, escalated_at=now, escalations=times, called=handling.turn)


def _check_reference(finding: Finding, reference: str, policy: HandlingPolicy) -> None:
    """Raise REFERENCE_INVALID where it has another form, or is given though Cekal Online cannot be reached."""
    pattern = "" if finding.reason is Reason.CENTRAL_SYSTEM_DOWN else policy.reference_pattern
    if not re.fullmatch(pattern, reference):
        raise CekalwatchError(Code.REFERENCE_INVALID)


def _check_state(handling: Handling, step: Step) -> None:
    ended = handling.orders_ended_at is not None
    if step in OWED_STEPS and handling.reference_owed_since is None:
        raise CekalwatchError(Code.ALERT_STATE_WRONG, handling.state)
    if handling.state not in step_states(step, orders_ended=ended):
        code = Code.ORDER_NOT_IN_FORCE if handling.state in STEP_STATES[step] else Code.ALERT_STATE_WRONG
        raise CekalwatchError(code, handling.state)


def _check_holder(handling: Handling, holder: Holder) -> None:
    if handling.state not in UNDECIDED:
        raise CekalwatchError(Code.ALERT_STATE_WRONG, handling.state)
    if handling.claim is None:
        raise CekalwatchError(Code.ALERT_NOT_CLAIMED, handling.state)
    if handling.claim.by != holder:
        raise CekalwatchError(Code.ALERT_HELD)
