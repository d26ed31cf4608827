"""The steps that people take with alerts: look, claim, adjudicate, confirm, clear, follow up, close; no transport.

`domain/alerts/handling.py` has the rules; this module adds the people, the validity of the orders at that moment, the
clock and the database. Methods block: call them from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from uuid import UUID

import structlog

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.people import (
    CONFIRMS,
    HANDLES_ALERTS,
    PersonReference,
    PersonRole,
    TwoPersonAction,
)
from cekalwatch.server.alerts.details import AlertOrders
from cekalwatch.server.audit.alert_entries import handling_entry
from cekalwatch.server.audit.entry import Actor, AuditEntry
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp, Look
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.handling import Circumstances, Handling, HandlingPolicy, Holder
from cekalwatch.server.domain.alerts.match import Told
from cekalwatch.server.domain.people import Person, TwoPeople, role_needed
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.handling_store import HandlingStep, HandlingStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.people.store import PeopleStore

log = structlog.get_logger()


@dataclass(frozen=True)
class ActingPerson:
    """A person who works on alerts at a device."""

    person: Person
    actor: Actor
    """The person and the device, as the audit trail names them."""
    sees: Callable[[str], bool]
    """Whether the device may see what belongs to a site."""


@dataclass(frozen=True)
class Adjudication:
    """A person's decision on a candidate of an alert, of which they have seen `version`."""

    outcome: Outcome
    reason: Reason
    note: str
    version: int
    subject_id: str = ""
    """Key of the judged candidate; empty means the candidate about whom the alert asks."""

    def by(self, person: Person, now: datetime) -> Finding:
        """Return it as a finding; raises REASON_INVALID or NOTE_INVALID."""
        return Finding(self.outcome, self.reason, self.note, person.reference, now, self.subject_id)


class HeldError(CekalwatchError):
    """Another person holds the alert."""

    def __init__(self, holder: PersonReference) -> None:
        super().__init__(Code.ALERT_HELD)
        self.holder = holder


class Adjudicator:
    """Takes the steps of people; `announce` is called after each that became an event."""

    def __init__(
        self,
        store: HandlingStore,
        alerts: AlertStore,
        orders: AlertOrders,
        people: PeopleStore,
        clock: Clock,
        policy: HandlingPolicy,
        announce: Callable[[], None],
        has_officer: Callable[[str], bool],
    ) -> None:
        """`has_officer` says whether an officer is signed in at a PC of a site now."""
        self._store = store
        self._alerts = alerts
        self._orders = orders
        self._people = people
        self._clock = clock
        self._policy = policy
        self._announce = announce
        self._has_officer = has_officer

    def look(self, alert_id: UUID, who: ActingPerson, outcome: Outcome, version: int) -> Alert:
        """Record what `who` finds of the two faces of the alert before they see the rest (domain rule 15)."""
        now = self._clock.now()
        listed = self._listed(self._seen(alert_id, who), now)

        def make(alert: Alert) -> Handling:
            look = Look(outcome, who.person.reference, now, version, alert.subject_id)
            return alert.looked(look, Circumstances(listed.unchanged(alert, version)))

        return self._step(alert_id, who, now, make, AlertEventType.LOOKED)

    def claim(self, alert_id: UUID, who: ActingPerson, agent: str) -> Alert:
        """Give the alert to `who`, or renew their claim; ALERT_HELD names the holder when another has it."""
        now, holder = self._clock.now(), Holder(who.person.reference, agent)
        self._seen(alert_id, who)
        return self._step(
            alert_id, who, now, lambda alert: alert.handling.claimed(holder, now, self._policy), AlertEventType.CLAIMED
        )

    def release(self, alert_id: UUID, who: ActingPerson, agent: str) -> Alert:
        """Release the alert that `who` holds."""
        now, holder = self._clock.now(), Holder(who.person.reference, agent)
        self._seen(alert_id, who)
        return self._step(alert_id, who, now, lambda alert: alert.handling.released(holder), AlertEventType.RELEASED)

    def take_over(self, alert_id: UUID, who: ActingPerson, agent: str, adjudication: Adjudication) -> Alert:
        """Give the alert to the supervisor `who`, whoever holds it or has judged it at the counter."""
        now, holder = self._clock.now(), Holder(who.person.reference, agent)
        finding = adjudication.by(who.person, now)
        self._seen(alert_id, who, CONFIRMS)

        def make(alert: Alert) -> Handling:
            circumstances = Circumstances(alert.version == adjudication.version)
            taken = replace(finding, subject_id=alert.subject_id)
            return alert.handling.taken_over(holder, taken, now, self._policy, circumstances)

        return self._step(alert_id, who, now, make, AlertEventType.TAKEN_OVER)

    def signed_out(self, person: Person, actor: Actor, agent: str | None) -> None:
        """Release what the person holds at `agent`, or at every PC, since they have signed out."""
        who, now = ActingPerson(person, actor, lambda _: True), self._clock.now()
        for alert_id, handling in self._store.waiting().items():
            holder = handling.claim.by if handling.claim else None
            if holder and holder.person == person.reference and agent in {None, holder.agent_id}:
                with suppress(CekalwatchError):  # it was released, judged or taken over meanwhile
                    self._step(alert_id, who, now, partial(_released, holder), AlertEventType.RELEASED)

    def adjudicate(self, alert_id: UUID, who: ActingPerson, agent: str, adjudication: Adjudication) -> Alert:
        """Record the finding of the alert's holder about one candidate.

        When they rule it out and others are left, the alert stays theirs and asks about the next. CANDIDATE_UNKNOWN:
        it has no such candidate that is still to be judged.
        """
        now, holder = self._clock.now(), Holder(who.person.reference, agent)
        finding = adjudication.by(who.person, now)
        seen = self._seen(alert_id, who)
        if seen.exercise_id:  # judged without a look, as a PC of 0.2.0 does
            return self.look(alert_id, who, adjudication.outcome, adjudication.version)
        listed = self._listed(seen, now)

        def make(alert: Alert) -> Handling:
            judged = _judged(alert, finding)
            circumstances = _circumstances(alert, judged, adjudication.version, listed)
            return alert.handling.adjudicated(holder, judged, now, circumstances)

        return self._step(alert_id, who, now, make, AlertEventType.ADJUDICATED)

    def undo(self, alert_id: UUID, who: ActingPerson, agent: str, subject_id: str) -> Alert:
        """Undo the judgement of `who` on a candidate, made at most ten seconds ago (`UNDO_FOR`)."""
        now, holder = self._clock.now(), Holder(who.person.reference, agent)
        undoing = Finding(Outcome.UNDONE, Reason.ANOTHER_LOOK, "", who.person.reference, now, subject_id)
        self._seen(alert_id, who)
        return self._step(
            alert_id,
            who,
            now,
            lambda alert: alert.handling.undone(holder, undoing, self._policy),
            AlertEventType.UNDONE,
        )

    def confirm(self, alert_id: UUID, who: ActingPerson, reference: str, adjudication: Adjudication) -> Alert:
        """Confirm the alert, by the supervisor `who` together with the officer who adjudicated it.

        Another supervisor may have adjudicated it, unless an officer is there now: then OFFICER_THERE.
        """
        now = self._clock.now()
        finding = adjudication.by(who.person, now)
        listed = self._listed(self._seen(alert_id, who), now)
        recorded: dict[str, str] = {}

        def make(alert: Alert) -> Handling:
            two, judged = self._two(alert, who.person), _judged(alert, finding)
            recorded.update({"officer": "none there"} if two.without_officer else {})
            circumstances = _circumstances(alert, judged, adjudication.version, listed)
            return alert.handling.confirmed(two, judged, reference, self._policy, circumstances)

        return self._step(alert_id, who, now, make, AlertEventType.CONFIRMED, recorded)

    def enter_reference(self, alert_id: UUID, who: ActingPerson, reference: str, note: str, version: int) -> Alert:
        """Enter the reference number that a hit owes, by the supervisor `who`."""
        now = self._clock.now()
        adjudication = Adjudication(Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE, note, version)
        finding = adjudication.by(who.person, now)
        self._seen(alert_id, who, CONFIRMS)

        def make(alert: Alert) -> Handling:
            circumstances = Circumstances(alert.version == version)
            return alert.handling.with_reference(_judged(alert, finding), reference, self._policy, circumstances)

        return self._step(alert_id, who, now, make, AlertEventType.REFERENCE_ENTERED)

    def clear(self, alert_id: UUID, who: ActingPerson, adjudication: Adjudication) -> Alert:
        """Clear the alert after a referral; where other candidates are left, it waits for an officer to judge them.

        A hit whose reference number is owed is taken back, by a supervisor.
        """
        now = self._clock.now()
        finding = adjudication.by(who.person, now)
        seen = self._seen(alert_id, who)
        if seen.handling.reference_owed_since:
            return self._take_back(seen, who, finding, adjudication.version)
        listed = self._listed(seen, now)

        def make(alert: Alert) -> Handling:
            judged = _judged(alert, finding)
            circumstances = _circumstances(alert, judged, adjudication.version, listed)
            return alert.handling.cleared(who.person, judged, circumstances)

        return self._step(alert_id, who, now, make, AlertEventType.CLEARED)

    def _take_back(self, seen: Alert, who: ActingPerson, finding: Finding, version: int) -> Alert:
        self._seen(seen.alert_id, who, CONFIRMS)
        listed = self._listed(seen, finding.found_at)

        def make(alert: Alert) -> Handling:
            judged = _judged(alert, finding)
            circumstances = Circumstances(alert.version == version, judged.subject_id in listed.in_force)
            return alert.handling.taken_back(judged, circumstances)

        return self._step(seen.alert_id, who, finding.found_at, make, AlertEventType.TAKEN_BACK)

    def follow_up(self, alert_id: UUID, who: ActingPerson, follow_up: FollowUp, version: int) -> Alert:
        """Record a contact with the agency."""
        now = self._clock.now()
        orders = self._orders.of_asked(self._seen(alert_id, who), now)

        def make(alert: Alert) -> Handling:
            told = self._orders.told_agency(alert, follow_up, orders)
            return alert.handling.followed_up(told, Circumstances(alert.version == version))

        return self._step(alert_id, who, now, make, AlertEventType.FOLLOWED_UP)

    def close(self, alert_id: UUID, who: ActingPerson, version: int) -> Alert:
        """Close the alert; FOLLOW_UP_MISSING names the agencies that must be told of a hit before."""
        now = self._clock.now()
        orders = self._orders.of_asked(self._seen(alert_id, who), now)

        def make(alert: Alert) -> Handling:
            owed = self._orders.agencies_owed(alert, orders)
            return alert.handling.closed(Circumstances(alert.version == version, agencies_owed=owed))

        return self._step(alert_id, who, now, make, AlertEventType.CLOSED)

    def _step(
        self,
        alert_id: UUID,
        who: ActingPerson,
        now: datetime,
        make: Callable[[Alert], Handling],
        kind: AlertEventType,
        recorded: Mapping[str, str] = MappingProxyType({}),
    ) -> Alert:
        """Take a step; the audit trail has what is `recorded` with it."""
        made = False

        def step(alert: Alert) -> HandlingStep:
            nonlocal made
            before = alert.handling
            try:
                after = make(alert)
            except CekalwatchError as error:
                if error.code is Code.ALERT_HELD and before.claim:
                    raise HeldError(before.claim.holder) from None
                raise
            # Renewing a claim is not a change, nor is another look.
            made = kind is not AlertEventType.CLAIMED or before.state is not AlertState.CLAIMED
            made = made and (kind is not AlertEventType.LOOKED or after != before)
            closed = alert.exercise_id is not None and after.state is AlertState.CLOSED
            return HandlingStep(after, (kind, *[AlertEventType.CLOSED] * closed) if made else ())

        def note(alert: Alert, event: AlertEvent) -> AuditEntry:
            entry = handling_entry(alert, event, who.actor)
            return replace(entry, details={**entry.details, **recorded})

        try:
            alert = self._store.step(alert_id, step, note, now)
        except HeldError as error:
            error.told = MappingProxyType({"holder": self._people.named(error.holder).display_name})
            raise
        if made:
            log.info("alert_handled", step=kind, alert_id=str(alert_id), version=alert.version)
            self._announce()
        return alert

    def _seen(self, alert_id: UUID, who: ActingPerson, roles: frozenset[PersonRole] = HANDLES_ALERTS) -> Alert:
        """Return the alert, for somebody with one of the roles.

        Raises ALERT_NOT_FOUND also when the device may not see its site.
        """
        alert = self._alerts.get(alert_id)
        if not who.sees(alert.camera.site):
            raise CekalwatchError(Code.ALERT_NOT_FOUND)  # treated as if there were none
        if not who.person.roles & roles:
            raise role_needed(roles)
        if not who.person.works_at(alert.camera.site):
            raise CekalwatchError(Code.PERSON_SITE_NOT_ALLOWED)
        return alert

    def _two(self, alert: Alert, supervisor: Person) -> TwoPeople:
        """Return who adjudicated the alert and the supervisor; raises if they cannot act together (rule 6)."""
        handling = alert.handling
        if not supervisor.roles & CONFIRMS:
            raise role_needed(CONFIRMS, "who confirms")
        if handling.officer is None:  # so it is not referred either
            raise CekalwatchError(Code.ALERT_STATE_WRONG, handling.state)
        officer = self._people.person(UUID(handling.officer.person_id))
        if officer is None or officer.barred:
            raise CekalwatchError(Code.OFFICER_DISABLED)
        two = TwoPeople(TwoPersonAction.CONFIRM_ALERT, officer, supervisor)
        if two.without_officer and self._has_officer(alert.camera.site):
            raise CekalwatchError(Code.OFFICER_THERE)
        return two

    def _listed(self, alert: Alert, now: datetime) -> _Listed:
        people = self._orders.people(alert)
        return _Listed(self._orders.in_force(alert, people, now), self._orders.told(alert, people, now))


@dataclass(frozen=True)
class _Listed:
    """What the list has of an alert's candidates now."""

    in_force: frozenset[str]
    """Those with an order in force; somebody who left the list has none."""
    told: Mapping[str, Told]

    def unchanged(self, alert: Alert, version: int) -> bool:
        """Whether the alert is as people see it in that version; a change of the list may not be told yet."""
        return alert.version == version and alert.is_as_told(self.told)


def _released(holder: Holder, alert: Alert) -> Handling:
    return alert.handling.released(holder)


def _judged(alert: Alert, finding: Finding) -> Finding:
    """Return the finding with the candidate that it speaks of."""
    return replace(finding, subject_id=finding.subject_id or alert.subject_id)


def _circumstances(alert: Alert, finding: Finding, version: int, listed: _Listed) -> Circumstances:
    """Return the circumstances of the alert now; raises CANDIDATE_UNKNOWN when it has no such candidate."""
    left = {one.subject_id for one in alert.left}
    unchanged = listed.unchanged(alert, version)
    if finding.subject_id not in left and unchanged and alert.undecided:
        raise CekalwatchError(Code.CANDIDATE_UNKNOWN)
    # Nobody is asked about those whose orders have ended all.
    last = left <= {finding.subject_id} or alert.handling.orders_ended_at is not None
    return Circumstances(unchanged, finding.subject_id in listed.in_force, last)
