"""The rules in plain words: what becomes of travellers, alerts and PCs. It imports nothing of the server.

Numbers in brackets are those of the domain's rules. Where a rule leaves room, the comment says what was decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from tests.integration.rules.exercises import Exercise, ExerciseRules
from tests.integration.rules.values import (
    AGAIN_AFTER,
    ANSWERED_FOR,
    AWAY_AFTER,
    BEGINS_AFTER,
    LATE_AFTER,
    LEASE,
    OPEN,
    OWED_AGAIN_AFTER,
    PENDING,
    SETTLE_AFTER,
    UNDECIDED,
    UNDO_FOR,
    UNSETTLED,
    UP_AFTER,
    WINDOW,
    Alert,
    Ask,
    Camera,
    Face,
    Seen,
    Station,
)


class Rules(ExerciseRules):
    """What should be so. Each step changes it, or returns why it must be refused: any of several reasons will do."""

    def __init__(
        self,
        now: datetime,
        cameras: Mapping[str, Camera],
        resembles: Mapping[str, Mapping[str, float]],
        same_face: Iterable[frozenset[str]],
        threshold: float,
        pcs: Mapping[str, Station],
    ) -> None:
        super().__init__(now, cameras)
        self.pcs = dict(pcs)
        self.exercises, self.withdrawn = list[Exercise](), list[str]()
        self.there: dict[str, timedelta] = {}
        """When the server saw each PC last, in time that has passed."""
        self.looked: timedelta | None = None
        self.began = timedelta()
        self.resembles, self.threshold = resembles, threshold
        self._same_face = set(same_face)
        self.started = timedelta()
        """When the server started, in time that has passed."""
        self.dealt_with: set[str] = set()
        """Captures that alerted."""
        self.remembered: set[str] = set()
        """Captures that came since the server started: what matched nobody is on no disk."""
        self.off: set[str] = set()
        """PCs that are dead."""
        self.back: set[str] = set()
        """PCs that came back in this step."""
        self.heard: dict[tuple[str, int], set[Ask]] = {}
        """What asked for somebody when a PC showed an alert, since the PC started."""
        self.rang: Counter[tuple[str, int]] = Counter()
        """How often a PC must have rung for an alert in this step, or would have while it was off."""
        self.may_ring: Counter[tuple[str, int]] = Counter()
        """The same where nobody is signed in, and the PC does not know who holds the alert."""

    # What travellers do

    def passes(self, camera: str, face: str, passage: str, capture: str, at: datetime, quality: float) -> None:
        """A capture of a traveller arrives."""
        if capture in self.dealt_with or capture in self.remembered:  # sent again: nothing happens twice
            return
        self.remembered.add(capture)
        place = self.cameras[camera]
        # (1, 2) Only people with an order in force, of the kind that is watched here, are possible matches.
        similar = {
            subject: score
            for subject, score in self.resembles[face].items()
            if score >= self.threshold and self.watched(subject, place.direction)
        }
        if not similar:
            return  # (8) no trace of it
        self.dealt_with.add(capture)
        # (3) Alerts of this very passage first, then the most alike, then open ones, then the newest.
        related = [
            one
            for one in self.alerts
            if self._is_of(one, face, passage) or self._is_joined(one, place, face, similar, at)
        ]
        related.sort(
            key=lambda one: (
                not self._is_of(one, face, passage),
                -self._likeness(one, face, passage),
                one.state not in OPEN,
                -one.seen_at.timestamp(),
            )
        )
        # (4, 5) Who was ruled out for these passages is not asked about again; whom no alert of theirs has is new.
        new = {
            subject: score
            for subject, score in similar.items()
            if not any(self._answers(one, subject, place, at) for one in related)
        }
        if new:
            # They are added while somebody still has to find out, and otherwise alert by themselves.
            alert = next((one for one in related if one.state in UNSETTLED), None)
        else:
            known = [one for one in related if any(self._answers(one, subject, place, at) for subject in similar)]
            alert = next((one for one in known if one.state in OPEN), known[0])
        if alert is None:
            alert = Alert(place.site, at, self.new_wait())
            self.alerts.append(alert)
        seen = Seen(capture, passage, place.counter, at, self.now - at > LATE_AFTER, quality)
        self._joins(alert, place, face, seen, similar, new)

    def _joins(
        self,
        alert: Alert,
        place: Camera,
        face: str,
        seen: Seen,
        similar: Mapping[str, float],
        new: Mapping[str, float],
    ) -> None:
        further, left = not self._is_of(alert, face, seen.passage), len(alert.left)
        alert.counters.add(place.counter)
        alert.directions.add(place.direction)
        live, was_live = not seen.late, not further and alert.passages[seen.passage].live
        alert.passages[seen.passage] = Face(face, self.now, live=live or was_live)
        alert.seen_at = max(alert.seen_at, seen.at)
        alert.seen.append(seen)
        known = sorted(set(similar) & set(alert.candidates))
        for subject in [*known, *(one for one in sorted(new, key=lambda one: -new[one]) if one not in known)]:
            alert.candidates[subject] = max(alert.candidates.get(subject, -1), similar[subject])
            if alert.state in UNSETTLED and self._is_renewed(alert, subject, place):
                for whom in (alert.ruled_out, alert.disproved, alert.unlisted):
                    whom.discard(subject)
            alert.listed.setdefault(subject, self.has_listed(subject))
        if further and alert.state in UNSETTLED:  # who was gone is here again
            alert.ruled_out -= set(similar) - alert.disproved
        alert.without_order -= set(similar)
        asked = alert.subject
        askable = alert.askable if alert.state in UNDECIDED else alert.left
        if askable and (alert.state == "NEW" or asked not in askable):
            alert.subject = askable[0]  # while nobody has claimed it, the best is asked about first
        # (3, 4) An open alert's version grows with each passage, and with whom it may be.
        if alert.state in OPEN and (further or new or alert.subject != asked or len(alert.left) > left):
            self._grows(alert)
        if live and not was_live:
            alert.unheeded.add(seen.passage)  # (7) nobody deals with who has just come
        if alert.state in OPEN:
            self.gives_way(alert)

    def _answers(self, alert: Alert, subject: str, place: Camera, at: datetime) -> bool:
        """(3, 5) Whether a match with a subject is answered there: it is open, or found that it is not them.

        A finding answers for an hour. That Cekal Online does not list them answers nothing once an order of theirs is
        new.
        """
        if subject not in alert.candidates:
            return False
        found = subject in alert.disproved and abs(at - alert.wait.since) <= ANSWERED_FOR
        return alert.state in OPEN or (found and not self._is_renewed(alert, subject, place))

    def _is_renewed(self, alert: Alert, subject: str, place: Camera) -> bool:
        """(3) Whether Cekal Online did not list somebody, and an order of theirs is new."""
        watched = (self.orders[key] for key in self.watched(subject, place.direction))
        return subject in alert.unlisted and not all(
            any(one.says_no_more_than(known) for known in alert.answered[subject]) for one in watched
        )

    def _is_of(self, alert: Alert, face: str, passage: str) -> bool:
        """(3) A passage is one person, whatever the tracker thought, as long as their face is kept."""
        kept = alert.passages.get(passage)
        return kept is not None and not kept.forgotten and self.alike(face, kept.name)

    def _is_joined(self, alert: Alert, place: Camera, face: str, similar: Mapping[str, float], at: datetime) -> bool:
        """(3) A further passage joins an alert that answers it, if its face is like one of those in it."""
        return (
            alert.site == place.site
            and any(self._answers(alert, subject, place, at) for subject in similar)
            and abs(at - alert.seen_at) <= WINDOW
            and any(self.alike(face, one.name) for one in alert.passages.values() if not one.forgotten)
        )

    def _likeness(self, alert: Alert, face: str, passage: str) -> int:
        """How alike the face is to the most alike one that the alert keeps, of its own passage if that is kept."""
        own = alert.passages.get(passage)
        kept = [own] if own and not own.forgotten else [one for one in alert.passages.values() if not one.forgotten]
        return max((2 if one.name == face else 1 if self.alike(face, one.name) else 0 for one in kept), default=-1)

    def alike(self, face: str, other: str) -> bool:
        """Whether two faces are one person's, as far as can be told."""
        return face == other or frozenset((face, other)) in self._same_face

    # What time does

    def goes_on(self, now: datetime, passed: timedelta) -> None:
        """(6) Time passes: claims of PCs that died run out, and what waits too long goes up."""
        self.now, self.elapsed = now, self.elapsed + passed
        for alert in self.alerts:
            for face in alert.passages.values():
                face.forgotten = face.forgotten or face.came_at < now - WINDOW
        self.looks()
        self.watches()

    def watches(self) -> None:
        """(6) Leases are of time that has passed; waits too, or of the clock if that says more."""
        self._looks_at_pcs()
        self.watches_exercises()
        for alert in self.alerts:
            gone = alert.holder and (alert.holder[0] in self.disabled or self._has_gone(alert.holder[1], alert.until))
            if alert.state == "CLAIMED" and alert.until is not None and (gone or alert.until <= self.elapsed):
                self._comes_to(alert, "NEW", alert.wait)
            waits = alert.state in UNSETTLED or self.owed(alert)  # a hit, until every agency was told
            if alert.owes_reference or (waits and not alert.orders_ended):
                self._goes_up(alert)
        self._ring()

    def _has_gone(self, pc: str, until: timedelta | None) -> bool:
        """(6) Whether a PC died that was there when its claim, which lasts `until`, was made or renewed."""
        if until is None or pc not in self.there:
            return False
        away, held = self.elapsed - self.there[pc], self.elapsed - (until - LEASE)
        return AWAY_AFTER <= away < held + AWAY_AFTER

    def _looks_at_pcs(self) -> None:
        """(12) Look which PCs are there; a server that has not looked for a while begins anew."""
        if self.looked is None or self.elapsed - self.looked > BEGINS_AFTER:
            self.began, self.there = self.elapsed, {}
        self.looked = self.elapsed
        self.there |= dict.fromkeys(self.pcs.keys() - self.off, self.elapsed)

    def _is_attended(self, site: str, counter: str) -> bool:
        """(12) Whether a PC there would ring."""
        last = [at for pc, at in self.there.items() if self.pcs[pc].attends(site, counter)]
        if not last:
            return self.elapsed - self.began < BEGINS_AFTER
        return self.elapsed - max(last) < AWAY_AFTER

    def _next_place(self, alert: Alert) -> int:
        """(12) How far an unclaimed alert goes up at once, since its traveller's counter has no PC that would ring."""
        if alert.state != "NEW" or self._is_attended(alert.site, alert.place):
            return 0
        present = (self.pcs[pc] for pc, at in self.there.items() if at == self.elapsed)
        return 1 if any(one.site == alert.site and not one.counters for one in present) else 2

    def clock_is_set(self, now: datetime) -> None:
        """The server's clock is set: no time passes."""
        self.now = now

    def looks(self) -> None:
        """(1) What has changed in the list is told at once."""
        for number, alert in enumerate(self.alerts):
            if alert.state in OPEN:
                self._looks_at_list(number, alert)
                self._looks_at_orders(number, alert)

    def _looks_at_list(self, number: int, alert: Alert) -> None:
        """(4) What officers judge by is a version."""
        self.retold.add(number)  # what else the list has of them, and the law says of it, is told too
        for subject in alert.left:
            if (listed := self.has_listed(subject)) != alert.listed[subject]:
                alert.listed[subject] = listed
                self._grows(alert)

    def _looks_at_orders(self, number: int, alert: Alert) -> None:
        """(1) An open alert without an order in force says so; with one again, it goes on and waits from now."""
        asked, was_without = alert.subject, alert.subject in alert.without_order
        alert.without_order = {subject for subject in alert.left if not self.has_order(alert, subject)}
        if alert.state in UNDECIDED and alert.subject not in alert.askable:
            alert.subject = alert.askable[0]  # (4) nobody is kept from judging whoever has an order
            self._grows(alert)
        if alert.state == "CONFIRMED":  # it is known who it is
            ended = alert.subject in alert.without_order
        else:
            ended = alert.without_order == set(alert.left)
        if ended == alert.orders_ended:
            without = alert.subject in alert.without_order
            if alert.subject == asked and was_without != without:  # while somebody else has an order, or none was told
                self._grows(alert)
            return
        alert.orders_ended = ended
        self.changed.add(number)
        if not ended:
            alert.wait = self._waits_anew(alert)
            alert.turn += 1
            if alert.state in PENDING:  # which is told at once
                alert.wait.up_at, alert.wait.up_from = self.now, self.elapsed
                alert.called = alert.ever_called = True

    def _goes_up(self, alert: Alert) -> None:
        patience, highest = (UP_AFTER, 2) if alert.state == "NEW" else (SETTLE_AFTER, 1)
        wait = alert.wait
        waited = self._for(wait.since, wait.from_)
        level = max(alert.level, min(waited // patience, highest), self._next_place(alert))
        again = OWED_AGAIN_AFTER if alert.owes_reference else AGAIN_AFTER
        judged = alert.state in PENDING
        if wait.up_at is None:
            due = waited >= (UNDO_FOR if judged else patience)
        elif judged and wait.up_at - wait.since < patience:
            due = waited >= patience
        else:
            due = self._for(wait.up_at, wait.up_from) >= again
        if level > alert.level or due:
            alert.level, wait.up_at, wait.up_from = level, self.now, self.elapsed
            wait.since = min(wait.since, self.now - waited)  # what lies ahead is of a clock that was wrong
            alert.calls += 1
            alert.called = alert.ever_called = True

    def _for(self, since: datetime, start: timedelta) -> timedelta:
        """How long something lasts, as the server knows: it has not measured what passed before it started."""
        return max(self.now - since, self.elapsed - max(start, self.started))

    def the_server_restarts(self) -> None:
        """What was in memory is gone: leases are watched anew."""
        self.remembered.clear()
        self.started, self.looked = self.elapsed, None
        for alert in self.alerts:
            alert.until = self.elapsed + LEASE if alert.until else None

    # What PCs do

    def ends_step(self) -> None:
        """Forget what happened in this step."""
        for happened in (self.grew, self.retold, self.changed, self.back):
            happened.clear()
        for counted in (self.rang, self.may_ring):
            for key in [key for key in counted if key[0] not in self.off]:
                del counted[key]
        for one in self.exercises:
            one.new = False

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
        for number in range(len(self.alerts)):
            self.heard.pop((pc, number), None)

    def rings(self, pc: str, number: int, *, named: bool) -> set[int]:
        """How often a PC that the alert concerns may ring for it in this step."""
        least, most = self.rang[pc, number], self.rang[pc, number] + self.may_ring[pc, number]
        if pc not in self.back:
            return {least} if named else set(range(least, most + 1))
        # It hears of what it missed, in whatever state that was, and of what asks for somebody now.
        now = self._hears(pc, number, set())
        return set(range(now is True, most + 2))

    def _ring(self) -> None:
        """(7) Each PC rings for what it has not heard yet."""
        for pc, station in self.pcs.items():
            for number, alert in enumerate(self.alerts):
                if not self.concerns(alert, station.site, station.counters):
                    continue
                heard = self.heard.setdefault((pc, number), set())
                rung = self._hears(pc, number, heard)
                self.rang[pc, number] += rung is True
                self.may_ring[pc, number] += rung is None
                heard.update(alert.asks)

    def _hears(self, pc: str, number: int, heard: set[Ask]) -> bool | None:
        """Whether a PC rings for what of an alert it has not heard; None: unless it knows that somebody there holds it.

        A supervisor's PC takes who holds an alert to be where its traveller was then.
        """
        station, alert = self.pcs[pc], self.alerts[number]
        found: bool | None = False
        for ask, counter in alert.asks.items():
            if ask in heard or (counter and station.counters and counter not in station.counters):
                continue
            if not counter and station.counters and (alert.level < 2 or alert.state != "NEW"):
                continue
            holds = alert.holder and (alert.holder[1] == pc or (not station.counters and counter == alert.taken_up_at))
            if not (counter and holds):
                return True
            found = None
        return found
