"""Exercises: staged passages of staff who agreed in writing, which go the whole way to an officer's screen (rule 16).

It is pure: when exercises are due, how far each has come, and when one has failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final
from uuid import UUID

from cekalwatch.contract.values.adjudication import Outcome
from cekalwatch.contract.values.exercises import ExerciseResult, ExerciseStage
from cekalwatch.contract.values.reports import MIN_JUDGED, ExerciseFigures, ExercisesAt

MAX_SHIFTS: Final = 6
MAX_A_SHIFT: Final = 10
MAX_CONSENT: Final = timedelta(days=366)
"""A written consent is renewed each year."""
MIN_PICTURES: Final = 2
"""Least pictures of a subject: the reference, and a crop."""
MAX_PICTURES: Final = 4
"""Recorded crops of a subject; all of one exercise fit into a message."""
PLAYED_WITHIN: Final = timedelta(minutes=10)
"""How long a capture host waits for a gap between travellers."""
ON_SCREEN_WITHIN: Final = timedelta(seconds=60)
"""From the first crop, or the host's word that it has played, to the screen."""
JUDGED_WITHIN: Final = timedelta(minutes=3)
"""How long a raised exercise waits to be looked at; then it closes by itself."""
LATER: Final = timedelta(minutes=5)
"""By how much an exercise is put off while real travellers or alerts come first."""


class ExerciseEnd(StrEnum):
    """How an exercise ended."""

    RECOGNISED = "RECOGNISED"
    UNDECIDED = "UNDECIDED"
    MISSED = "MISSED"
    """Judged as another person: a failure."""
    UNJUDGED = "UNJUDGED"
    """It was on the screen, and nobody looked in time."""
    STOPPED = "STOPPED"
    """It did not reach the screen in time: a failure."""
    WITHDRAWN = "WITHDRAWN"
    """It gave way to a real alert or to real travellers."""


FAILED: Final = frozenset({ExerciseEnd.MISSED, ExerciseEnd.STOPPED})
JUDGED: Final = frozenset({ExerciseEnd.RECOGNISED, ExerciseEnd.UNDECIDED, ExerciseEnd.MISSED})
_FOUND: Final = {
    Outcome.REFERRED: ExerciseEnd.RECOGNISED,
    Outcome.CANNOT_DETERMINE: ExerciseEnd.UNDECIDED,
    Outcome.NOT_SAME_PERSON: ExerciseEnd.MISSED,
}


def end_of(found: Outcome | None) -> ExerciseEnd:
    """Return the end of an exercise that was judged so; None: nobody judged it."""
    return ExerciseEnd.UNJUDGED if found is None else _FOUND[found]


def result_of(found: Outcome | None) -> ExerciseResult:
    """Return what people are told of an exercise that was judged so; None: nobody judged it."""
    return ExerciseResult.ENDED if found is None else ExerciseResult(_FOUND[found].value)


MINUTES: Final = 24 * 60


@dataclass(frozen=True)
class Shift:
    """Hours of a day, by the site's clock, in which an exercise may come; `until` may lie on the next day."""

    begins: time
    until: time

    def __post_init__(self) -> None:
        if self.begins == self.until:
            raise ValueError("a shift without hours")

    @property
    def minutes(self) -> frozenset[int]:
        """The minutes of a day that it has."""
        begins, until = (60 * one.hour + one.minute for one in (self.begins, self.until))
        return frozenset(one % MINUTES for one in range(begins, until if until > begins else until + MINUTES))

    def around(self, now: datetime, zone: tzinfo) -> tuple[datetime, datetime] | None:
        """Return begin and end of this shift as of `now`; None outside it."""
        local = now.astimezone(zone)
        for day in (local.date(), local.date() - timedelta(days=1)):
            begins, until = self.on(day, zone)
            if begins <= now < until:
                return begins, until
        return None

    def on(self, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
        """Return begin and end of the shift that begins on a day."""
        end_day = day if self.until > self.begins else day + timedelta(days=1)
        return datetime.combine(day, self.begins, zone), datetime.combine(end_day, self.until, zone)

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.until:%H:%M}"


@dataclass(frozen=True)
class ExerciseSetting:
    """When exercises come. Without shifts there are none."""

    shifts: tuple[Shift, ...] = ()
    a_shift: int = 1
    """Exercises of each counter in a shift, 1 to MAX_A_SHIFT."""

    def __post_init__(self) -> None:
        if len(self.shifts) > MAX_SHIFTS or not 1 <= self.a_shift <= MAX_A_SHIFT:
            raise ValueError(f"{len(self.shifts)} shifts with {self.a_shift} exercises each")

    def asks_less_than(self, other: ExerciseSetting) -> bool:
        """Whether at some time of the day fewer exercises come than by `other`."""
        here, there = (frozenset().union(*(shift.minutes for shift in one.shifts)) for one in (self, other))
        return bool(there) and (self.a_shift < other.a_shift or not there <= here)

    def moments(self, now: datetime, zone: tzinfo, share: Callable[[], float]) -> tuple[datetime, ...]:
        """Return random moments for the exercises of a counter in the rest of the present shift.

        `share` draws a number from 0 to 1. None come in the last minutes, in which one could not end.
        """
        around = next((found for one in self.shifts if (found := one.around(now, zone))), None)
        if around is None:
            return ()
        left = around[1] - JUDGED_WITHIN - now
        return tuple(sorted(now + left * share() for _ in range(self.a_shift))) if left > timedelta() else ()

    def began(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Return when the present shift began; None outside every shift."""
        return next((found[0] for one in self.shifts if (found := one.around(now, zone))), None)


@dataclass(frozen=True)
class ExerciseSubject:
    """A member of staff who agreed in writing. They have no order, and are in no gallery."""

    subject_id: str
    name: str
    consent: str
    """Number and date of the letter in which they agreed."""
    until: datetime
    """When the consent ends, and everything of them is erased."""
    pictures: int
    """Recorded crops that are held, besides the reference."""


@dataclass(frozen=True)
class EndedExercise:
    """What is counted of an exercise that has ended."""

    ended_at: datetime
    counter: str
    end: ExerciseEnd
    stage: ExerciseStage


def exercise_figures(ended: Iterable[EndedExercise]) -> ExerciseFigures:
    """Count exercises. Results are left out while they are so few that they would say how somebody judged."""
    counted = [one for one in ended if one.end is not ExerciseEnd.WITHDRAWN]
    ends = Counter(one.end for one in counted)
    judged = sum(ends[one] for one in JUDGED)
    told = ends if judged >= MIN_JUDGED else Counter[ExerciseEnd]()
    places = Counter((one.counter, one.stage) for one in counted)
    return ExerciseFigures(
        count=len(counted),
        on_screen=sum(one.stage is ExerciseStage.JUDGEMENT for one in counted),
        judged=judged,
        recognised=told[ExerciseEnd.RECOGNISED],
        undecided=told[ExerciseEnd.UNDECIDED],
        missed=told[ExerciseEnd.MISSED],
        places=tuple(ExercisesAt(counter, stage, count) for (counter, stage), count in sorted(places.items())),
    )


@dataclass(frozen=True)
class Exercise:
    """One exercise, from its plan to its end."""

    exercise_id: UUID
    subject_id: str
    camera_id: str
    site: str
    counter: str
    due_at: datetime
    sent_at: datetime | None = None
    crops: int | None = None
    """Crops that the host chose; None: it has not answered."""
    played_at: datetime | None = None
    """When the host's answer or the first crop came, whichever was first."""
    received: bool = False
    """Whether a crop has arrived."""
    alert_id: UUID | None = None
    sequence: int = 0
    """Its event in the log, once it is raised."""
    raised_at: datetime | None = None
    shown_at: datetime | None = None
    """When a PC of its counter had shown it."""
    ended_at: datetime | None = None
    end: ExerciseEnd | None = None
    stage: ExerciseStage = ExerciseStage.PLANNED
    """Of one that has ended: where it was."""

    @property
    def reached(self) -> ExerciseStage:
        """How far it has come."""
        if self.shown_at:
            return ExerciseStage.JUDGEMENT
        if self.alert_id:
            return ExerciseStage.DELIVERY
        if self.received:
            return ExerciseStage.RECOGNITION
        if self.crops is not None:
            return ExerciseStage.UPLINK if self.crops else ExerciseStage.DETECTION
        return ExerciseStage.CAMERA if self.sent_at else ExerciseStage.PLANNED

    def due_end(self, now: datetime) -> ExerciseEnd | None:
        """Return how it ends by itself at `now`; None while it goes on."""
        if self.ended_at:
            return None
        if self.shown_at and self.raised_at:
            return ExerciseEnd.UNJUDGED if now - self.raised_at >= JUDGED_WITHIN else None
        if began := self.played_at or self.raised_at:
            return ExerciseEnd.STOPPED if now - began >= ON_SCREEN_WITHIN else None
        late = self.sent_at is not None and now - self.sent_at >= PLAYED_WITHIN + ON_SCREEN_WITHIN
        return ExerciseEnd.STOPPED if late else None
