"""Compares the alerts with the truth of the scene. Pure: no programs, no files, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

TOLERANCE_S = 0.3
"""How far outside a walk a capture may lie: people fade in at the edges, and frames have a length."""


@dataclass(frozen=True)
class Expected:
    """What must happen with one subject."""

    subject_id: str
    must_alert: bool
    in_view: tuple[tuple[float, float], ...]
    """When the subject is in view, seconds from the start of the video; empty for somebody who never comes."""
    resembles: str = ""
    """The subject whom a look-alike alerts as; empty for everybody else."""

    @property
    def alerts_as(self) -> str:
        """The subject of this person's alerts."""
        return self.resembles or self.subject_id


@dataclass(frozen=True)
class Seen:
    """One alert event as the officer's program got it."""

    sequence: int
    alert_id: str
    subject_id: str
    raised: bool
    """True for the event that brought the alert up, False for a later sighting."""
    score: float
    capture_time: datetime
    notified_time: datetime

    @property
    def latency_ms(self) -> float:
        """From the frame to the officer, milliseconds."""
        return (self.notified_time - self.capture_time).total_seconds() * 1000


class Verdict(Enum):
    """How the alerts of a subject compare with what must happen."""

    RIGHT = "as expected"
    MISSING = "missing"
    WRONG = "must not alert"
    REPEATED = "more than one alert"
    WRONG_MOMENT = "alerted while out of view"
    SHARED = "joined another person's alert"


@dataclass(frozen=True)
class Judged:
    """A person's verdict."""

    subject_id: str
    must_alert: bool
    alerts: int
    sightings: int
    score: float | None
    """Best comparison score of its alerts."""
    verdict: Verdict
    alert_ids: tuple[str, ...] = ()


def judge(expected: Sequence[Expected], seen: Sequence[Seen]) -> list[Judged]:
    """Return a verdict for each expected person, and for each other subject that alerted."""
    start = _start_of_video(expected, seen)
    known = {subject.alerts_as for subject in expected}
    strangers = sorted({event.subject_id for event in seen} - known)
    subjects = [*expected, *(Expected(subject_id, must_alert=False, in_view=()) for subject_id in strangers)]
    owned: dict[str, list[Seen]] = {subject.subject_id: [] for subject in subjects}
    for event in seen:
        owned[_who(subjects, event, start).subject_id].append(event)
    return [_judge_one(subject, owned, start) for subject in subjects]


def _who(subjects: Sequence[Expected], event: Seen, start: float) -> Expected:
    """Return whose event it is: of a person and their look-alikes the one who is in view, else the person."""
    like = [subject for subject in subjects if subject.alerts_as == event.subject_id]
    there = [subject for subject in like if _in_view(subject, event, start)]
    return min(there or like, key=lambda subject: bool(subject.resembles))


def _judge_one(subject: Expected, owned: Mapping[str, Sequence[Seen]], start: float) -> Judged:
    events = owned[subject.subject_id]
    alert_ids = {event.alert_id for event in events}
    others = {event.alert_id for key, theirs in owned.items() if key != subject.subject_id for event in theirs}
    alerts = len(alert_ids)
    if not subject.must_alert:
        verdict = Verdict.WRONG if events else Verdict.RIGHT
    elif not events:
        verdict = Verdict.MISSING
    elif alert_ids & others:
        verdict = Verdict.SHARED
    elif alerts > 1:
        verdict = Verdict.REPEATED
    elif not all(_in_view(subject, event, start) for event in events):
        verdict = Verdict.WRONG_MOMENT
    else:
        verdict = Verdict.RIGHT
    return Judged(
        subject_id=subject.subject_id,
        must_alert=subject.must_alert,
        alerts=alerts,
        sightings=len(events),
        score=max((event.score for event in events), default=None),
        verdict=verdict,
        alert_ids=tuple(sorted(alert_ids)),
    )


def _in_view(subject: Expected, event: Seen, start: float) -> bool:
    second = event.capture_time.timestamp() - start
    # The sum of a float clock reading and the tolerance is compared with itself at the edges: leave it a microsecond.
    return any(begin - TOLERANCE_S - 1e-6 <= second <= end + TOLERANCE_S + 1e-6 for begin, end in subject.in_view)


def _start_of_video(expected: Sequence[Expected], seen: Sequence[Seen]) -> float:
    """Return the moment, in POSIX seconds, at which the video must have begun for most events to fit their walks.

    Nobody outside the camera client knows it exactly, but the events have to agree on one.
    """
    walkers = [(event, [one for one in expected if one.alerts_as == event.subject_id]) for event in seen]
    candidates = {
        event.capture_time.timestamp() - begin + TOLERANCE_S
        for event, like in walkers
        for subject in like
        for begin, _ in subject.in_view
    }

    def fitting(start: float) -> int:
        return sum(any(_in_view(subject, event, start) for subject in like) for event, like in walkers)

    return max(sorted(candidates), key=fitting, default=0.0)


def percentile(values: Iterable[float], share: float) -> float | None:
    """Return the smallest value that at least `share` (0 to 1) of the values do not exceed, or None for no values."""
    ordered = sorted(values)
    if not ordered:
        return None
    rank = -(-len(ordered) * share // 1)
    return ordered[max(int(rank), 1) - 1]
