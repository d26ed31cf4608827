"""The rules in plain words: what becomes of travellers, alerts and PCs. It imports nothing of the server.

Numbers in brackets are those of the domain's rules. Where a rule leaves room, the comment says what was decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
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


@dataclass
class Alert:
    """A possible match."""

    site: str
    seen_at: datetime
    """The time of the latest capture in it."""
    waits_since: datetime
    """Since when it is in its state, or has an order in force again."""
    candidates: dict[str, float] = field(default_factory=dict)
    """Subjects with their scores, those that were ruled out too."""
    counters: set[str] = field(default_factory=set)
    directions: set[str] = field(default_factory=set)
    passages: dict[str, Face] = field(default_factory=dict)
    ruled_out: set[str] = field(default_factory=set)
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
    orders_ended: bool = False
    followed_up: bool = False

    @property
    def left(self) -> list[str]:
        """The candidates that were not ruled out, best first."""
        return sorted(set(self.candidates) - self.ruled_out, key=lambda subject: -self.candidates[subject])


class Rules:
    """What should be so. Each step changes it, or returns why it must be refused: any of several reasons will do."""

    def __init__(
        self,
        now: datetime,
        cameras: Mapping[str, Camera],
        resembles: Mapping[str, Mapping[str, float]],
        same_face: Iterable[frozenset[str]],
        threshold: float,
    ) -> None:
        self.now = now
        self.cameras, self.resembles, self.threshold = cameras, resembles, threshold
        self._same_face = set(same_face)
        self.orders: dict[str, Order] = {}
        self.alerts: list[Alert] = []
        self.dealt_with: set[str] = set()
        """Captures that alerted."""
        self.remembered: set[str] = set()
        """Captures that came since the server started: what matched nobody is on no disk."""
        self.grew: set[int] = set()
        """Alerts whose version must have grown in this step, by their place in `alerts`."""
        self.passed: set[int] = set()
        """Alerts whose traveller passed in this step."""
        self.gone_up: set[int] = set()
        """Alerts that came to the supervisors in this step."""
        self.resumed: set[int] = set()
        """Alerts that had an order in force again in this step."""
        self.off: set[str] = set()
        """PCs that are dead."""
        self.back: set[str] = set()
        """PCs that came back in this step."""
        self.shown: set[tuple[str, int]] = set()
        """Which PC has shown which alert."""
        self.missed: Counter[tuple[str, int]] = Counter()
        """How often an alert came to the supervisors while a PC was dead."""

    # What travellers do

    def passes(self, camera: str, face: str, passage: str, capture: str, at: datetime) -> None:
        """A capture of a traveller arrives."""
        if capture in self.dealt_with or capture in self.remembered:  # sent again: nothing happens twice
            return
        self.remembered.add(capture)
        place = self.cameras[camera]
        # (1, 2) Only people with an order in force, of the kind that is watched here, are possible matches.
        similar = {
            subject: score
            for subject, score in self.resembles[face].items()
            if score >= self.threshold and self.is_watched(subject, place.direction)
        }
        if not similar:
            return  # (8) no trace of it
        self.dealt_with.add(capture)
        # (3) Alerts of this very passage first, then the most alike, then open ones, then the newest.
        related = [
            one for one in self.alerts if passage in one.passages or self._is_joined(one, place, face, similar, at)
        ]
        related.sort(
            key=lambda one: (
                passage not in one.passages,
                -self._likeness(one, face, passage),
                one.state not in OPEN,
                -one.seen_at.timestamp(),
            )
        )
        # (4, 5) Who was ruled out for these passages is not asked about again; whom no alert of theirs has is new.
        new = {
            subject: score
            for subject, score in similar.items()
            if not any(subject in one.candidates for one in related)
        }
        if new:
            # They are added while somebody still has to find out, and otherwise alert by themselves.
            alert = next((one for one in related if one.state in UNSETTLED), None)
        else:
            known = [one for one in related if set(similar) & set(one.candidates)]
            alert = next((one for one in known if one.state in OPEN), known[0])
        if alert is None:
            alert = Alert(place.site, at, self.now)
            self.alerts.append(alert)
        self._joins(alert, place, face, passage, similar, new, at)

    def _joins(
        self,
        alert: Alert,
        place: Camera,
        face: str,
        passage: str,
        similar: Mapping[str, float],
        new: Mapping[str, float],
        at: datetime,
    ) -> None:
        further = passage not in alert.passages
        alert.counters.add(place.counter)
        alert.directions.add(place.direction)
        alert.passages[passage] = Face(face, max(at, alert.passages[passage].seen_at) if not further else at)
        alert.seen_at = max(alert.seen_at, at)
        for subject in {*new, *(set(similar) & set(alert.candidates))}:
            alert.candidates[subject] = max(alert.candidates.get(subject, -1), similar[subject])
        asked = alert.subject
        if alert.left and (alert.state == "NEW" or asked not in alert.left):
            alert.subject = alert.left[0]  # while nobody has claimed it, the best is asked about first
        # (3, 4) An open alert's version grows with each passage, and with whom it may be.
        if alert.state in OPEN and (further or new or alert.subject != asked):
            self._grows(alert)
        self.passed.add(self.alerts.index(alert))

    def _is_joined(self, alert: Alert, place: Camera, face: str, similar: Mapping[str, float], at: datetime) -> bool:
        """(3) A further passage joins an alert that is open or was cleared, if its face is like one of those in it."""
        return (
            alert.site == place.site
            and (alert.state in OPEN or not alert.left)
            and bool(set(similar) & set(alert.candidates))
            and abs(at - alert.seen_at) <= WINDOW
            and any(self.alike(face, one.name) for one in alert.passages.values() if not one.forgotten)
        )

    def _likeness(self, alert: Alert, face: str, passage: str) -> int:
        """How alike the face is to the most alike one that the alert keeps, of its own passage if that is kept."""
        own = alert.passages.get(passage)
        kept = [own] if own and not own.forgotten else [one for one in alert.passages.values() if not one.forgotten]
        return max((2 if one.name == face else 1 if self.alike(face, one.name) else 0 for one in kept), default=-1)

    def is_watched(self, subject: str, direction: str) -> bool:
        """Whether the subject has an order in force of the kind that this direction is for."""
        kind = {"DEPARTURE": "CEGAH", "ARRIVAL": "TANGKAL"}[direction]
        return any(
            order.subject == subject and order.kind == kind and order.in_force(self.now)
            for order in self.orders.values()
        )

    def alike(self, face: str, other: str) -> bool:
        """Whether two faces are one person's, as far as can be told."""
        return face == other or frozenset((face, other)) in self._same_face

    # What people do

    def claim(self, alert: Alert, who: Person, pc: str) -> set[str]:
        """Take the alert, or renew the own claim."""
        if why := self._not_theirs(alert, who):
            return why
        if alert.state == "CLAIMED" and alert.holder != (who.name, pc):
            return {"ALERT_HELD"}
        if alert.state not in UNDECIDED:
            return {"ALERT_STATE_WRONG", *self._ended(alert)}
        if alert.state == "NEW":
            if alert.orders_ended:
                return self._ended(alert)
            self._grows(alert)
            self._comes_to(alert, "CLAIMED")
        alert.holder, alert.until = (who.name, pc), self.now + LEASE
        return set()

    def release(self, alert: Alert, who: Person, pc: str) -> set[str]:
        """Give the alert back."""
        if why := self._not_theirs(alert, who) | self._not_held(alert, who, pc):
            return why
        self._comes_to(alert, "NEW")
        self._grows(alert)
        return set()

    def judge(self, alert: Alert, who: Person, pc: str, outcome: str, *, seen: bool) -> set[str]:
        """Judge the present candidate at the counter, having `seen` how the alert stands, or not."""
        why = self._not_theirs(alert, who) | self._not_held(alert, who, pc) | self._ended(alert)
        if outcome != "NOT_SAME_PERSON" and who.role != "OFFICER":
            why |= {"PERSON_ROLE_NEEDED"}
        if not seen:  # (4)
            why |= {"ALERT_CHANGED"}
        if outcome == "REFERRED" and not self.has_order(alert, alert.subject):  # (1)
            why |= {"ORDER_NOT_IN_FORCE"}
        if why:
            return why
        self._grows(alert)
        alert.officer = who.name
        if outcome != "NOT_SAME_PERSON":
            self._comes_to(alert, outcome)
            self.gone_up.add(self.alerts.index(alert))
            return why
        if self._rules_out(alert):
            self._comes_to(alert, "CLEARED")
        return why

    def _rules_out(self, alert: Alert) -> bool:
        """(4) The next candidate is asked about; return whether there is none, since each has been judged."""
        alert.ruled_out.add(alert.subject)
        if alert.left:
            alert.subject = alert.left[0]
        return not alert.left

    def confirm(self, alert: Alert, who: Person, *, seen: bool) -> set[str]:
        """(6) Confirm it, as the second person, with the number of Cekal Online."""
        why = self._not_theirs(alert, who) | self._ended(alert)
        if who.role != "SUPERVISOR":
            why |= {"PERSON_ROLE_NEEDED"}
        if alert.state not in PENDING:
            why |= {"ALERT_STATE_WRONG"}
        if alert.officer == who.name:
            why |= {"SAME_PERSON_TWICE"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if not self.has_order(alert, alert.subject):
            why |= {"ORDER_NOT_IN_FORCE"}
        if not why:
            self._comes_to(alert, "CONFIRMED")
            self._grows(alert)
        return why

    def clear(self, alert: Alert, who: Person, *, seen: bool) -> set[str]:
        """Clear it after a referral, or wherever it stands once its orders have ended (1)."""
        why = self._not_theirs(alert, who)
        if alert.state not in (UNSETTLED if alert.orders_ended else PENDING):
            why |= {"ALERT_STATE_WRONG", *self._ended(alert)}
        if alert.holder and alert.holder[0] != who.name:
            why |= {"ALERT_HELD"}
        if alert.state == "CANNOT_DETERMINE" and who.role != "SUPERVISOR":
            why |= {"PERSON_ROLE_NEEDED"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if not why:
            if self._rules_out(alert) or alert.orders_ended:  # nobody is asked about those without an order
                self._comes_to(alert, "CLEARED")
            else:  # nobody has judged the next one at the counter
                self._comes_to(alert, "NEW")
            self._grows(alert)
        return why

    def follow_up(self, alert: Alert, who: Person, *, seen: bool) -> set[str]:
        """Record a contact with the agency about a hit."""
        why = self._not_theirs(alert, who)
        if alert.state != "CONFIRMED":
            why |= {"ALERT_STATE_WRONG"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if not why:
            alert.followed_up = True
            self._grows(alert)
        return why

    def close(self, alert: Alert, who: Person, *, seen: bool) -> set[str]:
        """Close it: a hit only after the agency was contacted."""
        why = self._not_theirs(alert, who)
        if alert.state not in {"CONFIRMED", "CLEARED"}:
            why |= {"ALERT_STATE_WRONG"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if alert.state == "CONFIRMED" and not alert.followed_up:
            why |= {"FOLLOW_UP_MISSING"}
        if not why:
            self._comes_to(alert, "CLOSED")
            self._grows(alert)
        return why

    def has_order(self, alert: Alert, subject: str) -> bool:
        """Whether an order that alerts there is in force for the subject."""
        return any(self.is_watched(subject, direction) for direction in alert.directions)

    def _ended(self, alert: Alert) -> set[str]:
        """(1) An open alert whose orders have ended can only be released and cleared."""
        return {"ORDER_NOT_IN_FORCE", "ALERT_STATE_WRONG"} if alert.orders_ended else set()

    def _not_theirs(self, alert: Alert, who: Person) -> set[str]:
        return set() if who.site == alert.site else {"ALERT_NOT_FOUND"}

    def _not_held(self, alert: Alert, who: Person, pc: str) -> set[str]:
        if alert.state not in UNDECIDED:
            return {"ALERT_STATE_WRONG"}
        if alert.state == "NEW":
            return {"ALERT_NOT_CLAIMED", "ALERT_STATE_WRONG"}
        return set() if alert.holder == (who.name, pc) else {"ALERT_HELD"}

    # What time does

    def goes_on(self, now: datetime) -> None:
        """(6) Time passes: claims of PCs that died run out, and what waits too long goes up."""
        self.now = now
        for alert in self.alerts:
            for face in alert.passages.values():
                face.forgotten = face.forgotten or face.seen_at < now - WINDOW
        for number, alert in enumerate(self.alerts):
            if alert.state == "CLAIMED" and alert.until is not None and alert.until <= now:
                self._comes_to(alert, "NEW", alert.until)
            self._looks_at_orders(number, alert)
            if alert.state in UNSETTLED and not alert.orders_ended:
                self._goes_up(number, alert)

    def looks(self) -> None:
        """(1) What has changed in the list is told at once."""
        for number, alert in enumerate(self.alerts):
            self._looks_at_orders(number, alert)

    def _looks_at_orders(self, number: int, alert: Alert) -> None:
        """(1) An unsettled alert without an order in force says so; with one again, it goes on and waits from now."""
        ended = not any(self.has_order(alert, subject) for subject in alert.left)
        if alert.state not in UNSETTLED or ended == alert.orders_ended:
            return
        alert.orders_ended = ended
        if not ended:
            alert.waits_since = self.now
            self.resumed.add(number)

    def _goes_up(self, number: int, alert: Alert) -> None:
        patience, highest = (UP_AFTER, 2) if alert.state == "NEW" else (SETTLE_AFTER, 1)
        waited = self.now - alert.waits_since
        level = max(alert.level, min(waited // patience, highest))
        if alert.went_up_at is None or alert.went_up_at < alert.waits_since:
            due = waited >= patience
        else:
            due = self.now - alert.went_up_at >= AGAIN_AFTER
        if level > alert.level or due:
            alert.level, alert.went_up_at = level, self.now
            self.gone_up.add(number)

    def _comes_to(self, alert: Alert, state: str, since: datetime | None = None) -> None:
        alert.state, alert.waits_since = state, since or self.now
        if state != "CLAIMED":
            alert.holder = alert.until = None

    def _grows(self, alert: Alert) -> None:
        self.grew.add(self.alerts.index(alert))

    def the_server_restarts(self) -> None:
        """What was in memory is gone."""
        self.remembered.clear()

    # What PCs do

    def ends_step(self) -> None:
        """Forget what happened in this step; dead PCs have missed it."""
        self.missed.update((pc, number) for pc in self.off for number in self.gone_up)
        for happened in (self.grew, self.passed, self.gone_up, self.resumed, self.back):
            happened.clear()

    def concerns(self, alert: Alert, site: str, counters: tuple[str, ...]) -> bool:
        """Whether a PC that watches these counters (none: all) has to know of the alert."""
        if alert.site != site:
            return False
        return not counters or alert.level == 2 or bool(alert.counters & set(counters))

    def goes_off(self, pc: str) -> None:
        """A PC dies."""
        self.off.add(pc)

    def comes_back(self, pc: str) -> None:
        """A PC's agent starts again."""
        self.off.discard(pc)
        self.back.add(pc)

    def rings(self, pc: str, number: int, *, supervised: bool) -> set[int]:
        """How often a PC that the alert concerns may ring for it in this step."""
        alert = self.alerts[number]
        first = (pc, number) not in self.shown
        self.shown.add((pc, number))
        missed = self.missed.pop((pc, number), 0)
        if alert.orders_ended:
            return {0}
        if pc in self.back:
            if supervised and missed and alert.state in UNSETTLED:
                return set(range(1, missed + 2))  # at once, or for each time that it missed
            return {1} if first and alert.state in UNDECIDED else {0}
        if supervised and number in self.gone_up | (self.resumed if alert.state in PENDING else set()):
            return {1}
        if number in self.resumed and alert.state in UNDECIDED:
            return {1}
        here = number in self.passed and alert.state in OPEN
        return {1} if first and (alert.state in UNDECIDED or here) else {0}
