"""The server's automatic steps with alerts: when their orders end, and when nobody claims or settles them.

Several servers may do this on one database. Each step reads the alert while the database is locked, so that one of two
servers takes the step and the other finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation
from cekalwatch.server.alerts.details import AlertOrders, People
from cekalwatch.server.audit.alert_entries import handling_entry
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.handling import Handling, HandlingPolicy, Watched
from cekalwatch.server.domain.alerts.match import Told
from cekalwatch.server.domain.orders.ban_order import JudgedOrder
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.alerts.handling_store import HandlingStep, HandlingStore, WatchedAlert
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.watchlist.rows import DAMAGED
from cekalwatch.server.storage.watchlist.store import WatchlistStore

log = structlog.get_logger()


class OrderWatch:
    """Watches the orders of open alerts: one without an order in force is marked (rule 1). It can only be cleared; of a
    hit, the ground to hold the traveller is gone.

    One that asks about a candidate whose orders have ended, and has another with an order, asks about that one, unless
    people have judged the first; then it says that these have ended.

    An order begins or ends with a day of a site's clock, at the moment of its revocation, or by a change of the
    watchlist or of the law. Between these moments only new and changed alerts, and those of changed subjects, are
    checked.

    It watches as the actor `myself`. `look` blocks: call it from one worker thread at a time.
    """

    def __init__(
        self,
        handling: HandlingStore,
        alerts: AlertStore,
        watchlist: WatchlistStore,
        checkpoints: Checkpoints,
        clock: Clock,
        myself: Actor,
        announce: Callable[[], None],
    ) -> None:
        self._handling = handling
        self._alerts = alerts
        self._watchlist = watchlist
        self._checkpoints = checkpoints
        self._orders = AlertOrders(watchlist, checkpoints)
        self._clock = clock
        self._myself = myself
        self._announce = announce
        self._version = -1
        self._law: Law | None = None
        self._days: list[date] = []
        self._next_end: datetime | None = None
        self._known: dict[UUID, WatchedAlert] = {}

    def look(self) -> int:
        """Take every step that is due, and return the number of alerts that had one. Raises StorageError."""
        now = self._clock.now()
        # Read before the orders: changes in the meantime are checked again, and not missed.
        version, law = self._watchlist.version(), self._checkpoints.law
        days = [now.astimezone(zone).date() for zone in self._checkpoints.zones.values()]
        changed: frozenset[str] = frozenset()
        if law is not self._law or days != self._days or (self._next_end is not None and self._next_end <= now):
            self._known, self._next_end = {}, None
        elif version != self._version:
            changed = frozenset(self._watchlist.changed_since(self._version))
        watched = self._handling.watched()
        moved = 0
        for one in watched:
            if self._known.get(one.alert_id) != one or not changed.isdisjoint(one.subject_ids):
                moved += self._look_at(one.alert_id, now, concerned=not changed.isdisjoint(one.subject_ids))
        self._known = {one.alert_id: one for one in watched}
        self._version, self._law, self._days = version, law, days
        if moved:
            self._announce()
        return moved

    def _look_at(self, alert_id: UUID, now: datetime, *, concerned: bool) -> bool:
        """Take the steps that are due with an alert; `concerned`: the list has changed since it was shown first."""
        happened: list[AlertEventType] = []

        def make(alert: Alert) -> HandlingStep:
            after = alert.handling.with_orders(now, in_force=alert.stands(in_force))
            asks = alert.with_orders(in_force)
            lapsed, resumed = alert.present.lapsed < asks.present.lapsed, alert.present.lapsed > asks.present.lapsed
            if after != alert.handling:
                ended = after.orders_ended_at is not None
                happened.append(AlertEventType.ORDERS_ENDED if ended else AlertEventType.ORDERS_RESUMED)
            elif asks.subject_id != alert.subject_id or lapsed:
                happened.append(AlertEventType.CANDIDATE_LAPSED)
            elif resumed:
                happened.append(AlertEventType.ORDERS_RESUMED)
            elif not alert.is_as_told(told) or (concerned and any(one.told == Told() for one in alert.left)):
                happened.append(AlertEventType.LIST_CHANGED)
            return HandlingStep(after, tuple(happened), in_force, told)

        try:
            alert = self._alerts.get(alert_id)
            people = self._orders.people(alert)
            self._note_next_end(people, now)
            in_force, told = self._orders.in_force(alert, people, now), self._orders.told(alert, people, now)
            resumes_or_ends = alert.stands(in_force) is (alert.handling.orders_ended_at is not None)
            if resumes_or_ends or alert.with_orders(in_force).with_told(told, 0) != alert:
                self._handling.step(
                    alert_id, make, lambda alert, event: handling_entry(alert, event, self._myself), now
                )
        except DAMAGED as error:
            # One damaged row must not delay the others. A traceback would show its content.
            log.error("alert_damaged", alert_id=str(alert_id), error=type(error).__name__)  # noqa: TRY400
        for step in happened:
            log.info("alert_orders_changed", alert_id=str(alert_id), step=step)
        return bool(happened)

    def _note_next_end(self, people: People, now: datetime) -> None:
        orders = (order for files in people.values() for file in files for order in file.orders)
        ends = (moment for order in orders for moment in (order.revoked_at, order.withdrawn_at))
        self._next_end = min(
            (moment for moment in (*ends, self._next_end) if moment is not None and moment > now), default=None
        )


class AlertWatch:
    """Measures how long alerts stand unchanged, by the clock that nobody sets, as far as this server has seen."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now_s = 0.0
        self._since_s: dict[tuple[UUID, object], float] = {}

    def see(self, alerts: Mapping[UUID, Handling]) -> None:
        """Note the state in which alerts are now; others are forgotten."""
        now_s, before = self._clock.elapsed_s(), self._since_s
        facts = [(alert_id, fact) for alert_id, handling in alerts.items() for fact in _facts(handling)]
        self._now_s, self._since_s = now_s, {fact: before.get(fact, now_s) for fact in facts}

    def forget(self) -> None:
        """Measure anew: while the database is away, nobody can renew a claim."""
        self._since_s = {}

    def watched(self, alert_id: UUID, handling: Handling) -> Watched:
        """Return how long the alert had been so when it was seen last; what is new since was seen for no time."""
        seen_s = (self._now_s - self._since_s.get((alert_id, fact), self._now_s) for fact in _facts(handling))
        return Watched(*(timedelta(seconds=one) for one in seen_s))


def _facts(handling: Handling) -> tuple[object, ...]:
    """Return what has stood unchanged for the times of `Watched`, in its order."""
    return handling.claim, handling.waits_since, handling.escalations


UNTOLD_WITHIN = timedelta(days=1)
"""Age of alerts whose events cannot have been pruned (`event_retention_days`)."""
TELL_AGAIN_S = 30.0
"""From one attempt to raise an alert again to the next."""
_SOMEBODY = ("",)
"""Stands for agencies that may have to be told, before anybody has looked which."""


class Escalator:
    """Releases claims that nobody renews or whose holder has no session any more, and escalates what waits, hits too of
    which an agency must still be told or whose reference is owed, as the actor `myself`.

    It goes by elapsed time: several servers whose clocks differ do the same, and after a restart or a change of the
    leader a claim lasts one lease longer at most. Its method blocks: call it from a worker thread.
    """

    def __init__(
        self,
        store: HandlingStore,
        alerts: AlertStore,
        orders: AlertOrders,
        gone: Callable[[Collection[str]], frozenset[str]],
        clock: Clock,
        policy: HandlingPolicy,
        myself: Actor,
        announce: Callable[[], None],
        attendance: Attendance,
    ) -> None:
        """`gone` returns which of some people have no session any more; it blocks."""
        self._store = store
        self._alerts = alerts
        self._orders = orders
        self._who_is_gone = gone
        self._gone: frozenset[str] = frozenset()
        self._clock = clock
        self._attendance = attendance
        self._watch = AlertWatch(clock)
        self._tell_again_s: dict[UUID, float] = {}
        self._policy = policy
        self._myself = myself
        self._announce = announce

    def escalate(self) -> int:
        """Take every step that is due, and return the number of alerts that had one. Raises StorageError."""
        try:
            waiting = self._store.waiting()
        except StorageError:
            self._watch.forget()
            raise
        self._watch.see(waiting)
        held_by = {one.claim.holder.person_id for one in waiting.values() if one.claim}
        self._gone = self._who_is_gone(held_by) if held_by else frozenset()
        now = self._clock.now()
        moved = self._tell_again(now)
        for alert_id, handling in waiting.items():
            made: list[AlertEventType] = []
            try:
                place = self._place(alert_id, handling)
                if not self._step(alert_id, handling, now, _SOMEBODY, place).happened:
                    continue
                orders: Sequence[JudgedOrder] = ()
                if handling.state is AlertState.CONFIRMED:
                    # What people did with a hit, and whose orders it has, is read only once it is due.
                    hit = self._alerts.get(alert_id)
                    orders = self._orders.of_asked(hit, now)
                    owed = self._orders.agencies_owed(hit, orders)
                    if not self._step(alert_id, hit.handling, now, owed, place).happened:
                        continue

                def make(
                    alert: Alert,
                    made: list[AlertEventType] = made,
                    orders: Sequence[JudgedOrder] = orders,
                    place: Escalation = place,
                ) -> HandlingStep:
                    owed = self._orders.agencies_owed(alert, orders)
                    step = self._step(alert.alert_id, alert.handling, now, owed, place)
                    made.extend(step.happened)
                    return step

                alert = self._store.step(
                    alert_id, make, lambda alert, event: handling_entry(alert, event, self._myself), now
                )
            except DAMAGED as error:
                # One damaged row must not delay the others. A traceback would show its content.
                log.error("alert_damaged", alert_id=str(alert_id), error=type(error).__name__)  # noqa: TRY400
                continue
            if made:
                moved += 1
                log.info(
                    "alert_waits",
                    steps=made,
                    alert_id=str(alert_id),
                    escalation=alert.handling.escalation,
                    escalations=alert.handling.escalations,
                )
        if moved:
            self._announce()
        return moved

    def _tell_again(self, now: datetime) -> int:
        """Raise alerts again whose events somebody has removed from the log, and return how many."""
        now_s, told = self._clock.elapsed_s(), 0
        for alert_id in self._store.untold(now - UNTOLD_WITHIN):
            if now_s < self._tell_again_s.get(alert_id, now_s):
                continue
            self._tell_again_s[alert_id] = now_s + TELL_AGAIN_S
            try:
                self._store.tell_again(alert_id, lambda alert, event: handling_entry(alert, event, self._myself), now)
            except DAMAGED as error:
                log.error("alert_damaged", alert_id=str(alert_id), error=type(error).__name__)  # noqa: TRY400
                continue
            log.error("alert_event_removed", alert_id=str(alert_id))
            told += 1
        return told

    def _place(self, alert_id: UUID, handling: Handling) -> Escalation:
        """Return where an alert belongs that nobody has claimed; its traveller's place is read only if that matters."""
        up_already = handling.state is not AlertState.NEW or handling.escalation is Escalation.SITE
        if up_already or not self._attendance.unattended:
            return Escalation.COUNTER
        return self._attendance.next_place(self._alerts.get(alert_id).place)

    def _step(
        self, alert_id: UUID, before: Handling, now: datetime, agencies_owed: Sequence[str], place: Escalation
    ) -> HandlingStep:
        watched = self._watch.watched(alert_id, before)
        if before.claim and self._attendance.is_gone(before.claim.agent_id, watched.claim):
            watched = replace(watched, claim=self._policy.lease)  # nobody can renew it
        free = before.lapsed(watched, self._policy, self._gone)
        after = free.escalated(now, self._policy, watched, agencies_owed, place)
        # What has waited long enough escalates at once when it is free.
        lapsed = (AlertEventType.RELEASED,) if free != before else ()
        went_up = (AlertEventType.ESCALATED,) if after != free else ()
        return HandlingStep(after, (*lapsed, *went_up))
