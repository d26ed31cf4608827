"""How urgent an alert is: one order of lists and one set of colours for all screens. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.alerts import Alert


class Tone(StrEnum):
    """The colour of an alert: alarm is red, busy amber, calm neutral. Green is for what is well, and no alert is."""

    ALARM = "alarm"
    BUSY = "busy"
    CALM = "calm"


class Urgency(IntEnum):
    """Where an alert stands in every list; the first comes first."""

    GROUND_GONE = 0
    """A hit whose orders have ended: a person may be held without a ground."""
    WAITING = 1
    """Nobody has claimed it, and the traveller walks on."""
    HIT = 2
    """A hit that waits: an agency is to be told, or its reference number is owed."""
    PENDING = 3
    """A supervisor has to settle it."""
    CLAIMED = 4
    """Somebody looks at it."""
    LAPSED = 5
    """Its orders have ended, so it can only be cleared."""
    DONE = 6

    @classmethod
    def of(cls, alert: Alert) -> Urgency:
        if not alert.open:
            return cls.DONE
        if alert.only_to_be_cleared:
            return cls.LAPSED
        if alert.state is AlertState.CONFIRMED:
            return cls.GROUND_GONE if alert.ground_gone else cls.HIT
        if alert.pending:
            return cls.PENDING
        return cls.CLAIMED if alert.state is AlertState.CLAIMED else cls.WAITING

    @property
    def tone(self) -> Tone:
        """Its colour."""
        if self <= Urgency.HIT:
            return Tone.ALARM
        return Tone.BUSY if self <= Urgency.CLAIMED else Tone.CALM


def most_urgent_first(alert: Alert) -> tuple[Urgency, int, datetime]:
    """Return the key by which lists are sorted: of the same urgency, the furthest escalated, then the oldest."""
    return Urgency.of(alert), -alert.handling.escalation, alert.raised_at
