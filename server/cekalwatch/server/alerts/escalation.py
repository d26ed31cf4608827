"""Releases expired claims, and escalates alerts that nobody claims or settles. Several servers may do this on one
database.

Each step reads the alert while the database is locked, so that one of two servers takes the step and the other finds
nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.server.audit.alert_entries import handling_entry
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.handling import HandlingPolicy
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.storage.alerts.handling_store import HandlingStep, HandlingStore
from cekalwatch.server.storage.watchlist.rows import DAMAGED

log = structlog.get_logger()


class Escalator:
    """Escalates in the name of `myself`. Its method blocks: call it from a worker thread."""

    def __init__(
        self,
        store: HandlingStore,
        clock: Clock,
        policy: HandlingPolicy,
        myself: Actor,
        announce: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._myself = myself
        self._announce = announce

    def escalate(self) -> int:
        """Take every step that is due, and return the number of alerts that had one."""
        now = self._clock.now()
        moved = 0
        for alert_id in self._store.due(now, self._policy):
            made: list[AlertEventType] = []

            def make(alert: Alert, made: list[AlertEventType] = made) -> HandlingStep:
                step = self._step(alert, now)
                made.extend(step.happened)
                return step

            try:
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

    def _step(self, alert: Alert, now: datetime) -> HandlingStep:
        before = alert.handling
        settled, after = before.settled(now), before.escalated(now, self._policy)
        # A claim that ran out while no server was running is released, and may have to escalate at once.
        lapsed = (AlertEventType.RELEASED,) if settled != before else ()
        went_up = (AlertEventType.ESCALATED,) if after != settled else ()
        return HandlingStep(after, (*lapsed, *went_up))
