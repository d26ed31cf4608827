"""What the rules speak of: orders, cameras, people and alerts, as plain values. It imports nothing of the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

WIB = ZoneInfo("Asia/Jakarta")
WINDOW = timedelta(minutes=10)
LEASE = timedelta(seconds=90)
UP_AFTER = timedelta(seconds=60)
"""How long an alert may wait unclaimed before it goes to the supervisors, and as long again to the whole site."""
SETTLE_AFTER = timedelta(minutes=10)
"""How long it may be held, referred or undecided before it goes to the supervisors."""
AGAIN_AFTER = timedelta(minutes=5)
LATE_AFTER = timedelta(seconds=60)
"""A capture that arrives later than this after it was taken says nothing of where the traveller is now."""

UNDECIDED = {"NEW", "CLAIMED"}
PENDING = {"REFERRED", "CANNOT_DETERMINE"}
UNSETTLED = UNDECIDED | PENDING
OPEN = UNSETTLED | {"CONFIRMED"}


@dataclass
class Order:
    """A ban: who, which kind, from when to when, and when it was taken back."""

    subject: str
    kind: str
    first: date
    last: date
    ended: bool = False

    def in_force(self, now: datetime) -> bool:
        """By the clock of the checkpoint, on its first and last day too."""
        return not self.ended and self.first <= now.astimezone(WIB).date() <= self.last


@dataclass(frozen=True)
class Camera:
    """Where a camera hangs and which way the travellers go that it sees."""

    site: str
    counter: str
    direction: str


@dataclass(frozen=True)
class Person:
    """Somebody who works on alerts."""

    name: str
    site: str
    role: str


@dataclass
class Face:
    """The face of a passage in an alert; it is kept while others may join."""

    name: str
    seen_at: datetime
    forgotten: bool = False
    live: bool = False
    """Whether a capture of it arrived soon after it was taken."""


@dataclass
class Alert:
    """A possible match."""

    site: str
    seen_at: datetime
    """The time of the latest capture in it."""
    waits_since: datetime
    """Since when it is in its state, or has an order in force again."""
    latest: str = ""
    """The counter of that capture."""
    live_at: datetime | None = None
    """The time of the latest capture that did not come late; None when all did."""
    live: str = ""
    """Its counter: where the traveller is."""
    candidates: dict[str, float] = field(default_factory=dict)
    """Subjects with their scores, those that were ruled out too."""
    counters: set[str] = field(default_factory=set)
    directions: set[str] = field(default_factory=set)
    passages: dict[str, Face] = field(default_factory=dict)
    ruled_out: set[str] = field(default_factory=set)
    disproved: set[str] = field(default_factory=set)
    """Those of them who it is not, or whom Cekal Online does not list."""
    subject: str = ""
    """Who is asked about now, or was last."""
    state: str = "NEW"
    holder: tuple[str, str] | None = None
    """Person and PC."""
    until: datetime | None = None
    officer: str = ""
    """Who judged it at the counter last."""
    level: int = 0
    """How far it has gone up: 1 to the supervisors, 2 to the whole site."""
    went_up_at: datetime | None = None
    without_order: set[str] = field(default_factory=set)
    """Those of the candidates who had no order in force when that was looked at last."""
    orders_ended: bool = False
    followed_up: bool = False

    @property
    def place(self) -> str:
        """The counter where the traveller is, or was last."""
        return self.live or self.latest

    @property
    def askable(self) -> list[str]:
        """The candidates that an officer can be asked about, best first: those with an order, if one of them has."""
        return [subject for subject in self.left if subject not in self.without_order] or self.left

    @property
    def left(self) -> list[str]:
        """The candidates that were not ruled out, best first."""
        return sorted(set(self.candidates) - self.ruled_out, key=lambda subject: -self.candidates[subject])
