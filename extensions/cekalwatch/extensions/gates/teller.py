"""Tells the gate of a counter every few seconds what it is asked, signed as webhooks are (ADR 104).

A notice says a state and until when it holds, not a change: one that is lost is repeated, and a gate that hears nothing
knows by the clock that it is asked nothing any more. It blocks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
import uuid6

from cekalwatch.contract.values.adjudication import UNDO_FOR
from cekalwatch.contract.values.gates import GO_LASTS, MAX_MINUTES, GateAsk, GatePolicy
from cekalwatch.extensions.gates.domain import asked_of
from cekalwatch.extensions.notices.domain import Notice, stamp
from cekalwatch.extensions.notices.settings import GateTerms, WebhookTerms
from cekalwatch.extensions.notices.webhook import Webhook
from cekalwatch.server.concurrency.outbox import DeliveryError
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.presence import GatePresence
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.alerts.store import AlertStore

TELL_EVERY: Final = timedelta(seconds=5)
"""The pause between two notices of the same state."""
LASTS: Final = timedelta(seconds=20)
"""How long a notice holds: three lost ones are no silence."""
SILENT_AFTER: Final = timedelta(seconds=15)
"""Without an answer for so long a gate is a problem."""
TIMEOUT_S: Final = 3.0
READ_EVERY: Final = timedelta(seconds=30)
REACH: Final = timedelta(minutes=MAX_MINUTES) + UNDO_FOR + GO_LASTS
"""How long a sighting or a judgement can concern a gate."""

log = structlog.get_logger()


class RecentAlerts:
    """The alerts of a site that could concern a gate now, read again when something happened; threads may share it."""

    def __init__(self, store: AlertStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._read: dict[str, tuple[int, datetime, list[Alert]]] = {}
        """By site: the newest event then, the moment, and the alerts."""

    def of(self, site: str) -> list[Alert]:
        """Return them. Raises StorageError."""
        with self._lock:
            now, newest = self._clock.now(), self._store.log_bounds()[1]
            sequence, at, alerts = self._read.get(site, (-1, now, []))
            if sequence != newest or now - at >= READ_EVERY:
                alerts = self._store.moved_since(now - REACH, site)
                self._read[site] = newest, now, alerts
            return alerts


class GateTeller:
    """Keeps one gate informed."""

    def __init__(self, terms: GateTerms, policy: Callable[[], GatePolicy], alerts: RecentAlerts, clock: Clock) -> None:
        self.terms = terms
        self._policy, self._alerts, self._clock = policy, alerts, clock
        webhook = WebhookTerms(terms.name, terms.url, terms.secret_file, terms.authorities)
        self._webhook = Webhook(webhook, TIMEOUT_S, TIMEOUT_S)
        self._told: GateAsk | None = None
        self.presence: GatePresence | None = None
        """The state of the gate; None while this server has not told it anything."""

    def tell(self) -> None:
        """Tell the gate its state when that is new, or was told some seconds ago. Raises StorageError."""
        now = self._clock.now()
        policy, site = self._policy(), self.terms.site
        alerts = self._alerts.of(site) if policy.states else []
        asked, before = asked_of(policy, site, self.terms.counter, alerts, now), self.presence
        if before and asked.ask is self._told and now - before.told_at < TELL_EVERY:
            self.presence = replace(before, hold_ends_at=asked.hold_ends_at)
            return
        if before is None or now - before.told_at >= SILENT_AFTER:  # another server has told it since
            before = GatePresence(told_at=now, heard_at=now)
        notice_id = str(uuid6.uuid7())
        data: dict[str, object] = {
            "gate": self.terms.name,
            "site": self.terms.site,
            "counter": self.terms.counter,
            "asks": str(asked.ask),
            "until": stamp(now + LASTS),
        }
        try:
            self._webhook.send(notice_id, Notice(f"gate/{notice_id}", "gate.state", now, data).body(), now)
        except DeliveryError as error:
            self._told = None  # it is told the present state as soon as it answers
            if not before.problem:
                log.warning("gate_away", gate=self.terms.name, failure=error.failure)
            self.presence = replace(before, told_at=now, problem=str(error))
            return
        if asked.ask is not self._told:
            log.info("gate_told", gate=self.terms.name, asks=str(asked.ask))
        self._told = asked.ask
        self.presence = GatePresence(now, self._clock.now(), asked.ask, asked.hold_ends_at)

    @property
    def silent(self) -> bool:
        """Whether it has not answered for too long, while this server tells it."""
        if (one := self.presence) is None:
            return False
        now = self._clock.now()
        return now - one.heard_at >= SILENT_AFTER > now - one.told_at
