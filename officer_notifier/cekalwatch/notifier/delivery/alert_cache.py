"""The alerts that this PC knows, in their present state. Every screen keeps its alerts in here; it knows no screen."""

from __future__ import annotations

from dataclasses import replace

from cekalwatch.contract.values.adjudication import AlertEventType, FirstLook
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.urgency import most_urgent_first

MAX_ALERTS = 500
"""Above this number, the oldest settled alert is dropped first; the server keeps it."""


class AlertCache:
    """Alerts by key. A later version of an alert replaces an earlier one, in whatever order they come."""

    def __init__(self, most: int = MAX_ALERTS) -> None:
        self._most = most
        self._reader = ""
        self._alerts: dict[str, ShownAlert] = {}

    def take(self, shown: ShownAlert) -> ShownAlert:
        """Store a received alert; return the update for the screens.

        If a later version is stored already, it is kept and returned with this event: the event is still new to the
        person here, but must not ring for a past state.
        """
        alert_id = shown.alert.alert_id
        shown = replace(shown, alert=self._as_read(shown.alert))
        known = self._alerts.get(alert_id)
        if known:
            if _older(shown.alert, known.alert):
                return replace(shown, alert=known.alert, notified_at=known.notified_at)
            # It stays new as long as before.
            notified_at = shown.notified_at if shown.event_type is AlertEventType.RAISED else known.notified_at
            shown = replace(shown, notified_at=notified_at)
        self._alerts[alert_id] = shown
        self._drop_old()
        return shown

    def renew(self, alert: Alert) -> ShownAlert | None:
        """Store an alert that a call returned; None when it is older than the stored one, or unknown here."""
        known, alert = self._alerts.get(alert.alert_id), self._as_read(alert)
        if known is None or _older(alert, known.alert):
            return None
        self._alerts[alert.alert_id] = replace(known, alert=alert)
        return self._alerts[alert.alert_id]

    def read_by(self, reader: str) -> None:
        """Take note of who reads here now and may judge alerts, by their key; empty: nobody who may.

        What a person before them saw after their first look, they do not see before their own (domain rule 15).
        """
        self._reader = reader
        self._alerts = {key: replace(one, alert=self._as_read(one.alert)) for key, one in self._alerts.items()}

    def unread(self, alert: Alert) -> bool:
        """Whether an alert is told without what the reader has seen of it after a first look."""
        known = self._alerts.get(alert.alert_id)
        seen = known and known.alert.first_look is FirstLook.TAKEN and known.alert.asked == alert.asked
        return alert.look_needed and bool(seen)

    def _as_read(self, alert: Alert) -> Alert:
        return alert.seen_by(self._reader) if self._reader else alert

    def clear(self) -> None:
        self._alerts.clear()

    def find(self, alert_id: str) -> ShownAlert | None:
        return self._alerts.get(alert_id)

    def newest_first(self) -> tuple[ShownAlert, ...]:
        """Return all alerts, the one raised last first."""
        return tuple(
            sorted(self._alerts.values(), key=lambda one: (one.alert.raised_at, one.notified_at), reverse=True)
        )

    def most_urgent_first(self) -> tuple[ShownAlert, ...]:
        """Return the open alerts in the order of `Urgency`."""
        still_open = (one for one in self._alerts.values() if one.alert.open)
        return tuple(sorted(still_open, key=lambda one: (most_urgent_first(one.alert), one.notified_at)))

    @property
    def open_count(self) -> int:
        """Number of alerts on which somebody must still act."""
        return sum(one.alert.open for one in self._alerts.values())

    @property
    def ended_count(self) -> int:
        """How many open alerts have no order in force any more."""
        return sum(one.alert.open and one.alert.orders_ended_at is not None for one in self._alerts.values())

    def _drop_old(self) -> None:
        if len(self._alerts) <= self._most:
            return
        oldest = sorted(self._alerts.values(), key=lambda one: (one.alert.open, one.alert.raised_at))
        del self._alerts[oldest[0].alert.alert_id]


def _older(alert: Alert, known: Alert) -> bool:
    """Whether a form of an alert is older than the one that is known: also that from before a first look."""
    before = alert.look_needed and known.first_look is FirstLook.TAKEN
    return alert.version < known.version or (alert.version == known.version and before)
