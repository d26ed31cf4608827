"""The rules of exercises (16), in plain words; see `model.py`.

Real travellers and alerts never hear of exercises: nothing in the other rules reads what is here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.integration.rules.people import PeoplesRules
from tests.integration.rules.values import UNDO_FOR, UNSETTLED, Alert, Person, Station

ON_SCREEN_WITHIN = timedelta(seconds=60)
JUDGED_WITHIN = timedelta(minutes=3)
RESULTS = {"REFERRED": "RECOGNISED", "CANNOT_DETERMINE": "UNDECIDED", "NOT_SAME_PERSON": "MISSED"}
"""What an exercise was for whoever looked, by what they found."""


@dataclass
class Exercise:
    """An exercise that has reached the log."""

    site: str
    counter: str
    raised_at: datetime
    painted_at: set[str] = field(default_factory=set)
    """PCs that have shown it."""
    shown: bool = False
    """Whether one of its counter has, as far as the server knows."""
    end: str = ""
    """How it ended; empty while it stands."""
    looked: str = ""
    """Who judged it."""
    new: bool = True
    """Whether it was raised in this step."""

    def concerns(self, site: str, counters: tuple[str, ...]) -> bool:
        """Whether a PC that watches these counters (none: all) shows it."""
        return self.site == site and (not counters or self.counter in counters)


class ExerciseRules(PeoplesRules):
    """The part of the rules that is about exercises."""

    exercises: list[Exercise]
    withdrawn: list[str]
    """The cameras of those that never reached the log."""
    pcs: dict[str, Station]
    off: set[str]

    def is_due(self, camera: str) -> bool:
        """Return whether an exercise that is due is sent: not while a real alert waits at the site, or one is there."""
        place = self.cameras[camera]
        out = any((one.site, one.counter) == (place.site, place.counter) for one in self._standing())
        if out or self._waits(camera):
            self.withdrawn.append(camera)
            return False
        return True

    def is_played(self, camera: str) -> None:
        """The crops of an exercise arrive. It joins nothing, and nothing joins it."""
        place = self.cameras[camera]
        if self._waits(camera):
            self.withdrawn.append(camera)
        else:
            self.exercises.append(Exercise(place.site, place.counter, self.now))

    def _waits(self, camera: str) -> bool:
        here = (one for one in self.alerts if one.site == self.cameras[camera].site)
        return any(one.state in UNSETTLED or self._may_be_undone(one) for one in here)

    def _may_be_undone(self, alert: Alert) -> bool:
        return alert.state == "CLEARED" and self.now - alert.wait.since <= UNDO_FOR

    def gives_way(self, alert: Alert) -> None:
        """A real traveller's passage came to an alert: no exercise stands beside it."""
        for one in self._standing():
            if one.site == alert.site:
                one.end = "WITHDRAWN"

    def look_at_exercise(self, one: Exercise, who: Person, found: str, *, seen: bool) -> set[str]:
        """The first look is the judgement."""
        why = set() if who.site == one.site else {"ALERT_NOT_FOUND"}
        why |= {"SIGN_IN_NEEDED"} if who.name in self.disabled else set()
        if why or one.looked == who.name:  # a second look changes nothing
            return why
        if one.end:
            why |= {"ALERT_STATE_WRONG"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if not why:
            one.end, one.looked = RESULTS[found], who.name
        return why

    def watches_exercises(self) -> None:
        """What is over by itself: not on a screen of its counter in time, or not looked at."""
        for one in self._standing():
            there = {pc for pc in one.painted_at - self.off if self.pcs[pc].attends(one.site, one.counter)}
            stood = self.now - one.raised_at
            if there and not one.shown:
                one.shown = True
            elif stood >= (JUDGED_WITHIN if one.shown else ON_SCREEN_WITHIN):
                one.end = "UNJUDGED" if one.shown else "STOPPED"

    def result_for(self, one: Exercise, name: str) -> str:
        """What somebody reads of it: their own result, and of anybody else's that it is over."""
        return one.end and (one.end if one.looked == name else "ENDED")

    def record_of(self, name: str) -> Counter[str]:
        """How somebody has judged exercises, which only they see."""
        return Counter(one.end for one in self.exercises if one.looked == name)

    def exercise_counts(self) -> dict[str, Counter[str]]:
        """What supervisors see: counts by counter."""
        ended = [(one.site, one.counter, one.end) for one in self.exercises if one.end]
        places = (self.cameras[camera] for camera in self.withdrawn)
        found: dict[str, Counter[str]] = {}
        for site, counter, end in (*ended, *((one.site, one.counter, "WITHDRAWN") for one in places)):
            found.setdefault(f"{site} {counter}", Counter())[end] += 1
        return found

    def _standing(self) -> list[Exercise]:
        return [one for one in self.exercises if not one.end]
