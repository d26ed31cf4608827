"""What the gate of a counter is asked to do, from the alerts there and a policy of two people. Pure.

The machine never decides: `HOLD` asks for an officer, and `GO` repeats what a person judged. Everything else is `NONE`,
with which a gate does what it does without us (ADR 104).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cekalwatch.contract.values.adjudication import CLEARING, UNDO_FOR, AlertState
from cekalwatch.contract.values.gates import GO_LASTS, GateAsk, GatePolicy
from cekalwatch.server.domain.alerts.alert import Alert


@dataclass(frozen=True)
class Asked:
    """What a gate is asked at a moment."""

    ask: GateAsk
    hold_ends_at: datetime | None = None
    """When its hold ends if nothing happens; None without a hold."""


def asked_of(policy: GatePolicy, site: str, counter: str, alerts: Iterable[Alert], now: datetime) -> Asked:
    """Return what the gate of a counter is asked now. Exercises ask nothing of a gate (domain rule 16)."""
    here = [one for one in alerts if _concerns(one, site, counter)]
    if held := [one for one in here if _holds(policy, one, now)]:
        return Asked(GateAsk.HOLD, max(_hold_ends_at(policy, one, now) for one in held))
    return Asked(GateAsk.GO if any(_released(policy, one, now) for one in here) else GateAsk.NONE)


def _concerns(alert: Alert, site: str, counter: str) -> bool:
    """Whether the alert's traveller was seen at that counter last, and its orders stand (domain rules 1 and 7)."""
    there = (alert.place.site, alert.place.counter) == (site, counter)
    return there and not alert.exercise_id and alert.handling.orders_ended_at is None


def _holds(policy: GatePolicy, alert: Alert, now: datetime) -> bool:
    recent = now - alert.last_seen_at < timedelta(minutes=policy.minutes)
    return recent and bool(policy.states) and (alert.state in policy.states or _may_be_undone(alert, now))


def _hold_ends_at(policy: GatePolicy, alert: Alert, now: datetime) -> datetime:
    """Return when an alert that holds does so no more."""
    at = _judged_at(alert)
    over = alert.last_seen_at + timedelta(minutes=policy.minutes)
    return min(over, at + UNDO_FOR) if at and _may_be_undone(alert, now) else over


def _judged_at(alert: Alert) -> datetime | None:
    """Return when a person cleared the alert; None while nobody has."""
    found = alert.handling.findings[-1:]
    cleared = alert.state is AlertState.CLEARED and found and found[0].outcome in CLEARING
    return found[0].found_at if cleared else None


def _may_be_undone(alert: Alert, now: datetime) -> bool:
    """Whether the judgement that cleared the alert can still be taken back, which a gate that opened could not."""
    at = _judged_at(alert)
    return at is not None and now < at + UNDO_FOR


def _released(policy: GatePolicy, alert: Alert, now: datetime) -> bool:
    at = _judged_at(alert)
    return bool(policy.states) and at is not None and at + UNDO_FOR <= now < at + UNDO_FOR + GO_LASTS
