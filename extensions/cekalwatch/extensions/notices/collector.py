"""Writes notices of new events into the log of notices, for each target from its last position on.

Notices are made from stored data: the log of alert events, the alarms, the signed checkpoints. So nothing is lost
while no server runs. If too many notices wait for a target, the rest is read later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import structlog

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.extensions.notices.domain import Notice, NoticeKind, stamp
from cekalwatch.extensions.notices.settings import WebhookTerms
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.domain.alerts.alert import AlertEvent
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.watchlist.rows import DAMAGED

MAX_WAITING: Final = 10_000
"""Maximum number of notices that wait for one target."""
PAGE: Final = 100

Item_co = TypeVar("Item_co", covariant=True)

log = structlog.get_logger()


class Source(Protocol[Item_co]):
    """A kind of event; each new event has a higher position."""

    def end(self) -> int:
        """Return the position of the newest event."""

    def after(self, position: int) -> tuple[Sequence[Item_co], int]:
        """Return the next events, at most a page, and the position after them; the same position at the end."""


def unseen(
    store: NoticeStore, target: str, stream: str, source: Source[Item_co]
) -> Iterator[tuple[Sequence[Item_co], int]]:
    """Yield the pages of notices that a target has not received yet, each with the position after it.

    A new target receives events from now on. The caller moves the position.
    """
    position = store.position(target, stream)
    if position is None:
        store.move(target, stream, source.end())
        return iter(())
    return _pages(source, position)


def _pages(source: Source[Item_co], position: int) -> Iterator[tuple[Sequence[Item_co], int]]:
    while (page := source.after(position))[1] != position:
        yield page
        position = page[1]


@dataclass(frozen=True)
class AlertNotices:
    """Each event of an alert, with the alert's present state. Subjects and orders are named by their keys."""

    alerts: AlertStore

    def end(self) -> int:
        """Return the newest sequence of the log."""
        return self.alerts.log_bounds()[1]

    def after(self, position: int) -> tuple[list[Notice], int]:
        """Return the next events."""
        events = self.alerts.events_after(position, PAGE)
        told = [one for one in events if one.type is not AlertEventType.LOOKED]  # it changes nothing of the alert
        notices = [notice for one in told if (notice := self._notice(one))]
        return notices, events[-1].sequence if events else position

    def _notice(self, event: AlertEvent) -> Notice | None:
        """Return the notice of an event; None of an exercise, of which no other system hears (domain rule 16)."""
        data: dict[str, object] = {"sequence": event.sequence, "alert_id": str(event.alert_id)}
        try:
            alert = self.alerts.get(event.alert_id)
        except (CekalwatchError, *DAMAGED) as error:
            # An unreadable alert is reported by its key, and does not delay later events.
            log.warning("notice_without_alert", alert_id=str(event.alert_id), error=type(error).__name__)
        else:
            if alert.exercise_id:
                return None
            data |= {
                "state": str(alert.state),
                "version": alert.version,
                "site": alert.camera.site,
                "counter": alert.camera.counter,
                "camera_id": alert.camera.camera_id,
                "direction": str(alert.camera.direction),
                "last_seen_at": stamp(alert.last_seen_at),
                "subject_id": alert.subject_id,
                "order_ids": list(alert.order_ids),
            }
        return Notice(f"alert/{event.sequence}", f"alert.{event.type.lower()}", event.occurred_at, data)


@dataclass(frozen=True)
class AlarmNotices:
    """Begin and end of each alarm."""

    alarms: AlarmStore

    def end(self) -> int:
        """Return the counter of changes."""
        return self.alarms.state()[0]

    def after(self, position: int) -> tuple[list[Notice], int]:
        """Return the next changes; the log stores each begin and each end once."""
        found = self.alarms.changed_since(position, PAGE)
        return list(map(alarm_notice, found)), found[-1].change if found else position


def alarm_notice(alarm: StoredAlarm) -> Notice:
    """Return the notice of an alarm in its present state."""
    condition, state = alarm.condition, "over" if alarm.ended_at else "open"
    data: dict[str, object] = {
        "trouble_id": str(alarm.alarm_id),
        "kind": str(condition.kind),
        "about": condition.about,
        "site": condition.site,
        "counter": condition.counter,
        "details": dict(condition.details),
        "began_at": stamp(alarm.began_at),
        "ended_at": stamp(alarm.ended_at) if alarm.ended_at else None,
    }
    at = alarm.ended_at or alarm.began_at
    return Notice(f"trouble/{alarm.alarm_id}/{state}", f"trouble.{state}", at, data)


@dataclass(frozen=True)
class CheckpointNotices:
    """Each signed checkpoint of the audit trail, in the form that `audit verify` reads."""

    audit: AuditStore
    clock: Clock

    def end(self) -> int:
        """Return the sequence of the newest checkpoint."""
        return self.audit.newest_checkpoint_sequence()

    def after(self, position: int) -> tuple[list[Notice], int]:
        """Return the next checkpoints; several servers may sign at one sequence."""
        found = self.audit.checkpoints_after(position, PAGE)
        now = self.clock.now()
        notices = [
            Notice(f"checkpoint/{one.public_key}/{one.number}", "audit.checkpoint", now, one.__dict__) for one in found
        ]
        return notices, found[-1].sequence if found else position


class NoticeCollector:
    """Fills the log for each webhook. It blocks."""

    def __init__(
        self,
        store: NoticeStore,
        sources: Mapping[NoticeKind, Source[Notice]],
        webhooks: tuple[WebhookTerms, ...],
        clock: Clock,
    ) -> None:
        self._store = store
        self._sources = sources
        self._webhooks = webhooks
        self._clock = clock

    def collect(self) -> None:
        """Write new events into the log. A new target receives events from now on."""
        for webhook in self._webhooks:
            for kind in sorted(webhook.kinds):
                pages = unseen(self._store, webhook.name, kind, self._sources[kind])
                while self._store.count_waiting(webhook.name) < MAX_WAITING and (page := next(pages, None)):
                    self._store.add(webhook.name, kind, *page, self._clock.now())
