"""The gates of counters, and the policy of two people by which alerts ask them to hold (ADR 104)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cekalwatch.contract.values.adjudication import UNSETTLED, AlertState

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


class GatePolicyReason(StrEnum):
    """Why two people set the policy."""

    TRIAL = "TRIAL"
    """The office tries it out."""
    AGREED = "AGREED"
    """The office and those who run the gates agreed on it."""
    TOO_MANY_HOLDS = "TOO_MANY_HOLDS"
    """Too many travellers wait who are not listed."""
    OFFICERS = "OFFICERS"
    """More or fewer officers can come to a gate."""
    FAULT = "FAULT"
    """A gate, or a line to it, has a fault."""


@dataclass(frozen=True)
class GatePolicyChange:
    """What two people set."""

    policy: GatePolicy
    reason: GatePolicyReason


@dataclass(frozen=True)
class GateStatus:
    """The state of one gate, as the server knows it that tells gates."""

    gate: str
    site: str
    counter: str
    asks: GateAsk | None = None
    """What the last notice asked that it took; None while it has taken none."""
    answered_at: datetime | None = None
    """When it took that notice; None: not since the server started."""
    hold_ends_at: datetime | None = None
    """When its hold ends, unless somebody is seen there again or a person judges; None without a hold."""
    silent: bool = False
    """Whether it has taken no notice for too long."""
    problem: str = ""
    """Why it did not take the last notice; empty if it took it."""


@dataclass(frozen=True)
class GatesOutlook:
    """The gates of some sites, and the policy in force with the people who set it."""

    gates: tuple[GateStatus, ...]
    policy: GatePolicy
    set_at: datetime | None = None
    """None: nobody has set one."""
    set_by: tuple[str, ...] = ()
    """Their names for screens."""
    reason: GatePolicyReason | None = None
    """None where they did not say."""
