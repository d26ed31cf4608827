"""What people do with alerts: claim, judge, confirm, clear, follow up, close. It knows no transport.

The life of an alert is `domain/handling.py`'s; this module brings it what it needs: the people, the orders' validity at
that moment, the clock, and the database. Methods block: call them from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import structlog

from cekalwatch.server.audit.alert_entries import handling_entry
from cekalwatch.server.audit.entry import Actor, AuditEntry
from cekalwatch.server.domain.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts import Alert, AlertEvent
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.handling import Handling, HandlingPolicy, Holder
from cekalwatch.server.domain.orders import Checkpoints
from cekalwatch.server.domain.people import Person, TwoPeople, TwoPersonAction
from cekalwatch.server.storage.alerts.handling_store import HandlingStep, HandlingStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.wire.vocabulary.adjudication import AlertEventType, Outcome, Reason
from cekalwatch.wire.vocabulary.people import CONFIRMS, HANDLES_ALERTS, JUDGES

log = structlog.get_logger()


@dataclass(frozen=True)
class ActingPerson:
    """Somebody who works on alerts."""

    person: Person
    actor: Actor
    """The person at the device, as the audit trail names them."""
    sees: Callable[[str], bool]
    """Whether what belongs to a site may be seen."""


@dataclass(frozen=True)
class Adjudication:
    """What somebody says about an alert, of which they have seen `revision`."""

    outcome: Outcome
    reason: Reason
    note: str
    revision: int

    def by(self, person: Person, now: datetime) -> Finding:
        """Return it as a finding; raises REASON_INVALID or NOTE_INVALID."""
        return Finding(self.outcome, self.reason, self.note, person.person_id, now)


class HeldError(CekalwatchError):
    """Another person holds the alert."""

    def __init__(self, holder: UUID) -> None:
        super().__init__(Code.ALERT_HELD)
        self.holder = holder


class Adjudicator:
    """Makes people's steps; `announce` is called after each that became an event."""

    def __init__(
        self,
        store: HandlingStore,
        alerts: AlertStore,
        watchlist: WatchlistStore,
        checkpoints: Checkpoints,
        people: PeopleStore,
        clock: Clock,
        policy: HandlingPolicy,
        myself: Actor,
        announce: Callable[[], None],
    ) -> None:
        self._store = store
        self._alerts = alerts
        self._watchlist = watchlist
        self._checkpoints = checkpoints
        self._people = people
        self._clock = clock
        self._policy = policy
        self._myself = myself
        self._announce = announce

    def claim(self, alert_id: UUID, who: ActingPerson, agent: str) -> Alert:
        """Give the alert to `who`, or renew their claim; ALERT_HELD names the holder when another has it."""
        now, holder = self._clock.now(), Holder(who.person.person_id, agent)
        return self._step(
            alert_id, who, now, lambda handling: handling.claimed(holder, now, self._policy), AlertEventType.CLAIMED
        )

    def release(self, alert_id: UUID, who: ActingPerson, agent: str) -> Alert:
        """Take the alert back from `who`."""
        now, holder = self._clock.now(), Holder(who.person.person_id, agent)
        return self._step(alert_id, who, now, lambda handling: handling.released(holder, now), AlertEventType.RELEASED)

    def adjudicate(self, alert_id: UUID, who: ActingPerson, agent: str, judgement: Adjudication) -> Alert:
        """Record what the alert's holder found.

        What goes on to a second person needs an officer (PERSON_ROLE_NEEDED), or nobody could ever confirm it.
        """
        if judgement.outcome is not Outcome.NOT_SAME_PERSON and not who.person.roles & JUDGES:
            raise CekalwatchError(Code.PERSON_ROLE_NEEDED, "who judges at the counter")
        now, holder = self._clock.now(), Holder(who.person.person_id, agent)
        finding = judgement.by(who.person, now)
        in_force = self._order_in_force(self._seen(alert_id, who), now)

        def make(handling: Handling) -> Handling:
            return handling.adjudicated(holder, finding, judgement.revision, now, order_in_force=in_force)

        return self._step(alert_id, who, now, make, AlertEventType.ADJUDICATED)

    def confirm(self, alert_id: UUID, who: ActingPerson, reference: str, note: str, revision: int) -> Alert:
        """Make a hit of the alert, by the supervisor `who` beside the officer that judged it."""
        now, alert = self._clock.now(), self._seen(alert_id, who)
        judgement = Adjudication(Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE, note, revision)
        finding = judgement.by(who.person, now)
        in_force = self._order_in_force(alert, now)

        def make(handling: Handling) -> Handling:
            return handling.confirmed(
                self._two(handling, who.person), finding, reference, revision, self._policy, order_in_force=in_force
            )

        return self._step(alert_id, who, now, make, AlertEventType.CONFIRMED)

    def clear(self, alert_id: UUID, who: ActingPerson, judgement: Adjudication) -> Alert:
        """Clear the alert after a referral."""
        now = self._clock.now()
        finding = judgement.by(who.person, now)
        return self._step(
            alert_id,
            who,
            now,
            lambda handling: handling.cleared(who.person, finding, judgement.revision),
            AlertEventType.CLEARED,
        )

    def follow_up(self, alert_id: UUID, who: ActingPerson, follow_up: FollowUp, revision: int) -> Alert:
        """Write down a contact with the agency."""
        return self._step(
            alert_id,
            who,
            self._clock.now(),
            lambda handling: handling.followed_up(follow_up, revision),
            AlertEventType.FOLLOWED_UP,
        )

    def close(self, alert_id: UUID, who: ActingPerson, revision: int) -> Alert:
        """Close the alert."""
        return self._step(
            alert_id, who, self._clock.now(), lambda handling: handling.closed(revision), AlertEventType.CLOSED
        )

    def _step(
        self,
        alert_id: UUID,
        who: ActingPerson,
        now: datetime,
        make: Callable[[Handling], Handling],
        kind: AlertEventType,
    ) -> Alert:
        self._seen(alert_id, who)
        made = False

        def step(alert: Alert) -> HandlingStep:
            nonlocal made
            before = alert.handling
            try:
                after = make(before)
            except CekalwatchError as error:
                if error.code is Code.ALERT_HELD and before.claim:
                    raise HeldError(before.claim.holder.person_id) from None
                raise
            # Renewing leaves the revision; a claim that had run out is given back first.
            made = after.revision > before.revision
            lapsed = (AlertEventType.RELEASED,) if made and before.settled(now) != before else ()
            return HandlingStep(after, (*lapsed, kind) if made else ())

        def note(alert: Alert, event: AlertEvent) -> AuditEntry:
            return handling_entry(alert, event, who.actor if event.type is kind else self._myself)

        try:
            alert = self._store.step(alert_id, step, note, now)
        except HeldError as error:
            names = self._people.display_names([error.holder])
            error.told = MappingProxyType({"holder": names.get(error.holder, "")})
            raise
        if made:
            log.info("alert_handled", step=kind, alert_id=str(alert_id), revision=alert.handling.revision)
            self._announce()
        return alert

    def _seen(self, alert_id: UUID, who: ActingPerson) -> Alert:
        """Return the alert as it stands; ALERT_NOT_FOUND also when it belongs to a site that the device is not of."""
        alert = self._alerts.get(alert_id)
        if not who.sees(alert.camera.site):
            raise CekalwatchError(Code.ALERT_NOT_FOUND)  # as if there were none
        if not who.person.roles & HANDLES_ALERTS:
            raise CekalwatchError(Code.PERSON_ROLE_NEEDED)
        if not who.person.works_at(alert.camera.site):
            raise CekalwatchError(Code.PERSON_SITE_NOT_ALLOWED)
        return alert

    def _two(self, handling: Handling, supervisor: Person) -> TwoPeople:
        """Return the officer who judged the alert with the supervisor; raises why they are not two."""
        if not supervisor.roles & CONFIRMS:
            raise CekalwatchError(Code.PERSON_ROLE_NEEDED, "who confirms")
        if handling.officer is None:  # so it is not referred either
            raise CekalwatchError(Code.ALERT_STATE_WRONG, handling.state)
        officer = self._people.person(handling.officer)
        if officer is None or officer.disabled:
            raise CekalwatchError(Code.PERSON_ROLE_NEEDED, "the officer who judged is none any more")
        return TwoPeople(TwoPersonAction.CONFIRM_ALERT, officer, supervisor)

    def _order_in_force(self, alert: Alert, now: datetime) -> bool:
        """Whether an order of the alert is in force at its site now; a subject that has left the list has none."""
        try:
            file = self._watchlist.get_subject(alert.subject_id)
        except CekalwatchError as error:
            if error.code is not Code.SUBJECT_NOT_FOUND:
                raise
            return False
        judged = self._checkpoints.judged(file, now, alert.camera.site)
        return any(one.in_force for one in judged if one.order.order_id in alert.order_ids)
