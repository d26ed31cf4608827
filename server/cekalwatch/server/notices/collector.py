"""Brings what has happened into the log of notices, for each target from where it was told last.

What is told is read from where it is kept anyway: the log of alert events, the troubles, the signed checkpoints. So
nothing is lost while no server runs; and where too much waits for a target, the rest is read later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import structlog

from cekalwatch.server.domain.alerts.alert import AlertEvent
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError
from cekalwatch.server.domain.notices import Notice, NoticeKind, stamp
from cekalwatch.server.domain.troubles import Alarm
from cekalwatch.server.notices.terms import WebhookTerms
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.notices import NoticeStore
from cekalwatch.server.storage.troubles import TroubleStore
from cekalwatch.server.storage.watchlist.rows import DAMAGED

MAX_WAITING: Final = 10_000
"""Notices that wait for one target at once."""
PAGE: Final = 100

Item_co = TypeVar("Item_co", covariant=True)

log = structlog.get_logger()


class Source(Protocol[Item_co]):
    """Something that happens, each time at a higher position."""

    def end(self) -> int:
        """Return the position of what happened last."""

    def after(self, position: int) -> tuple[Sequence[Item_co], int]:
        """Return what happened next, at most a page, and the position up to which that is; the same at the end."""


def unseen(
    store: NoticeStore, target: str, stream: str, source: Source[Item_co]
) -> Iterator[tuple[Sequence[Item_co], int]]:
    """Return what a target was not told of yet, page by page, each with the position that is reached with it.

    A target that is told for the first time is told from now on. Whoever tells it moves the position.
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
    """Each event of an alert, with the alert as it stands when it is read. Subjects and orders are named by keys."""

    alerts: AlertStore

    def end(self) -> int:
        """Return the newest sequence of the log."""
        return self.alerts.log_bounds()[1]

    def after(self, position: int) -> tuple[list[Notice], int]:
        """Return the next events."""
        events = self.alerts.events_after(position, PAGE)
        return list(map(self._notice, events)), events[-1].sequence if events else position

    def _notice(self, event: AlertEvent) -> Notice:
        data: dict[str, object] = {"sequence": event.sequence, "alert_id": str(event.alert_id)}
        try:
            alert = self.alerts.get(event.alert_id)
        except (CekalwatchError, *DAMAGED) as error:
            # What cannot be read is told by its key, and does not hold up what came later.
            log.warning("notice_without_alert", alert_id=str(event.alert_id), error=type(error).__name__)
        else:
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
class TroubleNotices:
    """That a trouble is there, and that it is over."""

    troubles: TroubleStore

    def end(self) -> int:
        """Return the counter of changes."""
        return self.troubles.state()[0]

    def after(self, position: int) -> tuple[list[Notice], int]:
        """Return the next changes; the log takes each beginning and each end once."""
        found = self.troubles.changed_since(position, PAGE)
        return list(map(trouble_notice, found)), found[-1].change if found else position


def trouble_notice(trouble: Alarm) -> Notice:
    """Return what is told of a trouble as it stands."""
    fault, state = trouble.fault, "over" if trouble.ended_at else "open"
    data: dict[str, object] = {
        "trouble_id": str(trouble.trouble_id),
        "kind": str(fault.kind),
        "about": fault.about,
        "site": fault.site,
        "counter": fault.counter,
        "details": dict(fault.details),
        "began_at": stamp(trouble.began_at),
        "ended_at": stamp(trouble.ended_at) if trouble.ended_at else None,
    }
    at = trouble.ended_at or trouble.began_at
    return Notice(f"trouble/{trouble.trouble_id}/{state}", f"trouble.{state}", at, data)


@dataclass(frozen=True)
class CheckpointNotices:
    """Each signed checkpoint of the audit trail, as `audit verify` takes it."""

    audit: AuditStore
    clock: Clock

    def end(self) -> int:
        """Return the sequence of the newest one."""
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
        """Bring what is new into the log. A target that is told for the first time is told from now on."""
        for webhook in self._webhooks:
            for kind in sorted(webhook.kinds):
                pages = unseen(self._store, webhook.name, kind, self._sources[kind])
                while self._store.count_waiting(webhook.name) < MAX_WAITING and (page := next(pages, None)):
                    self._store.add(webhook.name, kind, *page, self._clock.now())
