"""What the gate of a counter is asked to do, from the alerts there and a policy of two people. Pure.

The machine never decides: `HOLD` asks for an officer, and `GO` repeats what a person judged. Everything else is `NONE`,
with which a gate does what it does without us (ADR 104).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cekalwatch.contract.values.adjudication import CLEARING, UNDO_FOR, UNSETTLED, AlertState
from cekalwatch.server.domain.alerts.alert import Alert

MAY_HOLD: Final = UNSETTLED | {AlertState.CONFIRMED}
"""The states of an alert that a policy may bind to a hold."""
MIN_MINUTES: Final = 1
MAX_MINUTES: Final = 60
GO_LASTS: Final = timedelta(seconds=30)
"""How long a judgement is repeated to the gate."""


class GateAsk(StrEnum):
    """What a gate is asked."""

    HOLD = "hold"
    """Let an officer see to the traveller before the gate opens."""
    GO = "go"
    """A person judged that the traveller is somebody else, or not listed: an earlier hold is over."""
    NONE = "none"
    """Nothing: the gate goes by its own rules."""


class GatePolicyError(ValueError):
    """A policy that may not be; the message says why."""


@dataclass(frozen=True)
class GatePolicy:
    """Which alerts ask for a hold. Raises GatePolicyError."""

    states: frozenset[AlertState] = frozenset()
    """None: gates are never asked anything."""
    minutes: int = 10
    """How long after the newest sighting: who was seen there earlier has gone on."""

    def __post_init__(self) -> None:
        if not self.states <= MAY_HOLD:
            raise GatePolicyError(f"only alerts that are {', '.join(sorted(MAY_HOLD))} may hold a gate")
        if not MIN_MINUTES <= self.minutes <= MAX_MINUTES:
            raise GatePolicyError(f"a hold lasts {MIN_MINUTES} to {MAX_MINUTES} minutes after the newest sighting")


def asked_of(policy: GatePolicy, site: str, counter: str, alerts: Iterable[Alert], now: datetime) -> GateAsk:
    """Return what the gate of a counter is asked now. Exercises ask nothing of a gate (domain rule 16)."""
    here = [one for one in alerts if _concerns(one, site, counter)]
    if any(_holds(policy, one, now) for one in here):
        return GateAsk.HOLD
    return GateAsk.GO if any(_released(policy, one, now) for one in here) else GateAsk.NONE


def _concerns(alert: Alert, site: str, counter: str) -> bool:
    """Whether the alert's traveller was seen at that counter last, and its orders stand (domain rules 1 and 7)."""
    there = (alert.place.site, alert.place.counter) == (site, counter)
    return there and not alert.exercise_id and alert.handling.orders_ended_at is None


def _holds(policy: GatePolicy, alert: Alert, now: datetime) -> bool:
    recent = now - alert.last_seen_at < timedelta(minutes=policy.minutes)
    return recent and bool(policy.states) and (alert.state in policy.states or _may_be_undone(alert, now))


def _judged_at(alert: Alert) -> datetime | None:
    """Return when a person cleared the alert; None while nobody has."""
    found = alert.handling.findings[-1:]
    cleared = alert.state is AlertState.CLEARED and found and found[0].outcome in CLEARING
    return found[0].at if cleared else None


def _may_be_undone(alert: Alert, now: datetime) -> bool:
    """Whether the judgement that cleared the alert can still be taken back, which a gate that opened could not."""
    at = _judged_at(alert)
    return at is not None and now < at + UNDO_FOR


def _released(policy: GatePolicy, alert: Alert, now: datetime) -> bool:
    at = _judged_at(alert)
    return bool(policy.states) and at is not None and at + UNDO_FOR <= now < at + UNDO_FOR + GO_LASTS
