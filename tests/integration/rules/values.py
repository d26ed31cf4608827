"""What the rules speak of: orders, cameras, people and alerts, as plain values. It imports nothing of the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

WIB = ZoneInfo("Asia/Jakarta")
WINDOW = timedelta(minutes=10)
ANSWERED_FOR = timedelta(hours=1)
"""How long what was found of a face answers it."""
LEASE = timedelta(seconds=90)
UP_AFTER = timedelta(seconds=60)
"""How long an alert may wait unclaimed before it goes to the supervisors, and as long again to the whole site."""
SETTLE_AFTER = timedelta(minutes=10)
"""How long it may be held, referred or undecided before it goes to the supervisors."""
UNDO_FOR = timedelta(seconds=10)
AGAIN_AFTER = timedelta(minutes=5)
OWED_AGAIN_AFTER = timedelta(hours=1)
"""How often a hit whose reference is owed comes to the supervisors."""
LATE_AFTER = timedelta(seconds=60)
"""A capture that arrives later than this after it was taken says nothing of where the traveller is now."""
AWAY_AFTER = timedelta(seconds=5)
"""How long a PC that went may take to come back, before its counter is without one."""
BEGINS_AFTER = timedelta(seconds=10)
"""How long PCs have to come after the server has begun to look."""

Ask = tuple[int, str]
"""Something that asks for somebody: in which turn, and a passage or an announcement."""
UNDECIDED = {"NEW", "CLAIMED"}
PENDING = {"REFERRED", "CANNOT_DETERMINE"}
UNSETTLED = UNDECIDED | PENDING
OPEN = UNSETTLED | {"CONFIRMED"}


CITIZENS = {"S-4"}
"""People whose nationality is Indonesian."""


@dataclass
class Order:
    """A ban order, as its papers say."""

    key: str
    subject: str
    """The key under which its person is listed; that person may be listed under another one too."""
    kind: str
    first: date
    last: date
    received: date
    agency: str = "Kejaksaan Agung"
    decree: date | None = None
    """When it was decided in writing, with a number."""
    urgent: bool = False
    urgent_since: date | None = None
    """When it was first received as an urgent one, whatever came later."""
    extends: str = ""
    revoked_at: datetime | None = None
    ground: str = ""
    """Who or what took it back."""
    withdrawn_at: datetime | None = None
    """When its source was found to have it no longer."""

    def says_no_more_than(self, known: Order) -> bool:
        """(3) Whether it is new in nothing beside an order: not by key or decree, receipt or term."""
        same = (self.key, self.decree) == (known.key, known.decree)
        return same and self.received <= known.received and self.last <= known.last

    @property
    def person(self) -> str:
        """Who it is about, under whatever key."""
        return person_of(self.subject)

    @property
    def first_received(self) -> date:
        """The receipt that counts, whatever was sent later under that key."""
        return min(self.received, self.urgent_since or self.received)

    @property
    def decided(self) -> date:
        """The day whose law it is judged by."""
        return self.decree or self.first_received

    @property
    def citizen(self) -> bool:
        """Whether that is a citizen."""
        return self.person in CITIZENS


def person_of(subject: str) -> str:
    """Return who is listed under a key: "S-1b" is another key of "S-1"."""
    return subject.rstrip("b")


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


@dataclass(frozen=True)
class Station:
    """A PC: where it stands, and what it watches (nothing: all)."""

    site: str
    counters: tuple[str, ...]

    def attends(self, site: str, counter: str) -> bool:
        """Whether it would ring for a traveller at a counter before anything goes up.

        One without counters is that of each: the server of these days keeps no sign-ins, and takes it for an officer's.
        """
        return self.site == site and (not self.counters or counter in self.counters)


@dataclass
class Face:
    """The face of a passage in an alert; it is kept while others may join."""

    name: str
    came_at: datetime
    """When its last capture arrived; after an outage this is long after it was taken."""
    forgotten: bool = False
    live: bool = False
    """Whether a capture of it arrived soon after it was taken."""


@dataclass(frozen=True)
class Seen:
    """One capture in an alert."""

    capture: str
    passage: str
    counter: str
    at: datetime
    late: bool
    quality: float


@dataclass
class Wait:
    """Since when something waits, by the server's clock and in time that has passed, and when it went up last."""

    since: datetime
    from_: timedelta
    up_at: datetime | None = None
    up_from: timedelta = timedelta()


@dataclass
class Alert:
    """A possible match."""

    site: str
    seen_at: datetime
    """The time of the latest capture in it."""
    wait: Wait
    """For what its state asks for; from when it was raised, was judged, or has an order in force again."""
    candidates: dict[str, float] = field(default_factory=dict)
    """Subjects with their scores, those that were ruled out too."""
    seen: list[Seen] = field(default_factory=list)
    counters: set[str] = field(default_factory=set)
    directions: set[str] = field(default_factory=set)
    passages: dict[str, Face] = field(default_factory=dict)
    ruled_out: set[str] = field(default_factory=set)
    disproved: set[str] = field(default_factory=set)
    """Those of them who it is not, or whom Cekal Online does not list."""
    unlisted: set[str] = field(default_factory=set)
    """Those of them whom Cekal Online did not list, and of whom nobody found that it is not them."""
    answered: dict[str, list[Order]] = field(default_factory=dict)
    """By each of them, the orders that the list had of that person then."""
    subject: str = ""
    """Who is asked about now, or was last."""
    state: str = "NEW"
    holder: tuple[str, str] | None = None
    """Person and PC."""
    until: timedelta | None = None
    """When the claim ends without a renewal, in time that has passed."""
    officer: str = ""
    """Who judged it at the counter last."""
    looked: set[tuple[str, str]] = field(default_factory=set)
    """Who has looked at whose face, or has judged them."""
    level: int = 0
    """How far it has gone up: 1 to the supervisors, 2 to the whole site."""
    without_order: set[str] = field(default_factory=set)
    """Those of the candidates who had no order in force when that was looked at last."""
    orders_ended: bool = False
    listed: dict[str, frozenset[object]] = field(default_factory=dict)
    """By candidate, what the list had of them when it was told last."""
    told: dict[str, bool] = field(default_factory=dict)
    """By agency, whether it was told of the release last, and not of the hit."""
    told_by_order: set[str] = field(default_factory=set)
    """Agencies that were told of the hit while an order of theirs was in force: they hear of its end."""
    confirmed: bool = False
    """Whether it was confirmed, and not taken back."""
    owes_reference: bool = False
    """Whether it was confirmed without the number of Cekal Online, which could not be reached."""
    why: dict[str, str] = field(default_factory=dict)
    """By candidate that was ruled out, why it was last."""
    unheeded: set[str] = field(default_factory=set)
    """The live passages with which nobody deals: nobody took it up or judged it since they came, or who did has left
    it."""
    called: bool = False
    """Whether it came to the supervisors, and nobody has dealt with it since."""
    ever_called: bool = False
    calls: int = 0
    """How often it came to the supervisors."""
    turn: int = 0
    """How often it was taken up or left: what asks for somebody asks anew."""

    @property
    def asks(self) -> dict[Ask, str]:
        """(7) What asks for somebody, with the counter; none of what has come to the supervisors."""
        if self.state not in OPEN or self.orders_ended:
            return {}
        asks = {(self.turn, one.passage): one.counter for one in self.seen if one.passage in self.unheeded}
        if self.state == "NEW" and not any(one.live for one in self.passages.values()):
            asks = {(self.turn, one.counter): one.counter for one in self.seen}
        return asks | ({(self.turn, f"call {self.calls}"): ""} if self.called else {})

    @property
    def taken_up_at(self) -> str:
        """The counter where the traveller was when somebody took it up."""
        seen = [one for one in self.seen if not one.late and one.passage not in self.unheeded]
        return max(seen, key=lambda one: (one.at, one.capture)).counter if seen else ""

    @property
    def newest(self) -> Seen:
        """The newest live sighting, else the newest one: where the traveller is, or was last."""
        return max(self.seen, key=lambda one: (not one.late, one.at, one.capture))

    @property
    def late(self) -> bool:
        """Whether what was seen last came late."""
        return max(self.seen, key=lambda one: (one.at, one.capture)).late

    @property
    def pictures(self) -> set[str]:
        """The captures of which one is its picture: of the newest live passage, the best one."""
        live = [one for one in self.seen if not one.late]
        if not live:
            return {one.capture for one in self.seen if one.passage == self.seen[0].passage}
        # Where two cameras see somebody at once, the newest passage is that which began last, or was seen last.
        began: dict[str, datetime] = {}
        for one in sorted(live, key=lambda one: one.at):
            began.setdefault(one.passage, one.at)
        last = max(began.values())
        newest = {self.newest.passage, *(passage for passage, at in began.items() if at == last)}
        found = [one for one in live if one.passage in newest]
        if len(began) == 1:
            best = max(one.quality for one in found)
            found = [one for one in found if one.quality == best]
        return {one.capture for one in found}

    @property
    def clearings(self) -> set[str]:
        """What may be said of why it was cleared: that it is somebody else only where that was found of each."""
        if self.state not in {"CLEARED", "CLOSED"} or self.confirmed:
            return {""}
        found = set(self.why.values())
        return found - {"OTHER_PERSON", "NOT_LISTED"} or found

    @property
    def place(self) -> str:
        """The counter where the traveller is, or was last."""
        return self.newest.counter

    @property
    def askable(self) -> list[str]:
        """The candidates that an officer can be asked about, best first: those with an order, if one of them has."""
        return [subject for subject in self.left if subject not in self.without_order] or self.left

    @property
    def left(self) -> list[str]:
        """The candidates that were not ruled out, best first."""
        left = (subject for subject in self.candidates if subject not in self.ruled_out)
        return sorted(left, key=lambda subject: -self.candidates[subject])
