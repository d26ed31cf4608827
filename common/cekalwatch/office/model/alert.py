"""An alert as the notifier holds it: plain values, made by `client/messages.py` and shown by the screens.

It knows neither protobuf nor gRPC. Every text in here is safe to show: see `safe_text.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cekalwatch.contract.values.adjudication import (
    FOR_SUPERVISORS,
    OPEN_STATES,
    UNSETTLED,
    AlertEventType,
    AlertState,
    Escalation,
)
from cekalwatch.contract.values.handling import Handling
from cekalwatch.contract.values.orders import Direction, ShownOrder
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.contract.values.watchlist import LookalikeJudgement

CLEARLY_ABOVE = 0.05
FAR_ABOVE = 0.15
"""How far above the threshold a comparison score is for the next level. Levels order alerts by how much they stand out;
they say nothing about the chance that it is the same person."""


class ScoreLevel(StrEnum):
    """How far a comparison score lies above its threshold, lowest first."""

    JUST = "JUST"
    CLEARLY = "CLEARLY"
    FAR = "FAR"


@dataclass(frozen=True)
class Candidate:
    """A subject above the threshold. Each is judged by itself."""

    subject_id: str
    name: str
    score: float
    ruled_out: bool = False
    """Whether somebody found that the traveller is not this subject."""
    lookalikes: tuple[tuple[str, LookalikeJudgement], ...] = ()
    """Keys of others on the list with such a face, and what the two were judged to be."""


@dataclass(frozen=True)
class Sighting:
    """One sighting that joined the alert."""

    captured_at: datetime
    counter: str
    direction: Direction | None
    score: float


@dataclass(frozen=True)
class Alert:
    """A possible match, as it stood when the server sent it. Scores are comparison scores, -1 to 1."""

    alert_id: str
    state: AlertState | None
    """None: one that only a newer server knows."""
    version: int
    subject: Subject
    orders: tuple[ShownOrder, ...]
    camera_id: str
    site: str
    counter: str
    direction: Direction | None
    captured_at: datetime
    raised_at: datetime
    score: float
    threshold: float
    candidates: tuple[Candidate, ...]
    sightings: tuple[Sighting, ...]
    late: bool
    handling: Handling
    orders_ended_at: datetime | None = None
    """Since when no order of it is in force any more: it can only be cleared."""
    probe_capture_id: str = ""
    """The capture whose picture is the probe; empty when none is kept."""

    @property
    def open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.state in OPEN_STATES

    @property
    def hit(self) -> bool:
        """Whether Cekal Online lists the traveller: it was confirmed, and may be closed by now."""
        return self.state is AlertState.CONFIRMED or (self.state is AlertState.CLOSED and bool(self.handling.reference))

    @property
    def only_to_be_cleared(self) -> bool:
        """Whether it is not settled and no order of it is in force any more."""
        return self.orders_ended_at is not None and self.state in UNSETTLED

    @property
    def candidate_place(self) -> int:
        """The place of the candidate that is asked about among all that are judged, from 1."""
        return 1 + sum(one.ruled_out for one in self.candidates if one.subject_id != self.subject.subject_id)

    @property
    def score_level(self) -> ScoreLevel:
        """How far the score lies above the threshold."""
        above = self.score - self.threshold
        if above >= FAR_ABOVE:
            return ScoreLevel.FAR
        return ScoreLevel.CLEARLY if above >= CLEARLY_ABOVE else ScoreLevel.JUST

    @property
    def escalated(self) -> bool:
        """Whether it went to the supervisors, because nobody claimed it in time."""
        return self.handling.escalation > Escalation.COUNTER

    @property
    def stamp(self) -> str:
        """A text that differs whenever the alert stands differently; a renewed claim makes no difference."""
        return f"{self.version}/{self.calls}/{'ended' if self.orders_ended_at else ''}"

    @property
    def calls(self) -> int:
        """How often it has come to the supervisors: gone up, announced again, or judged so that they have to look."""
        return self.handling.escalations + sum(one.outcome in FOR_SUPERVISORS for one in self.handling.findings)

    @property
    def pictures_key(self) -> str:
        """A text that differs whenever the alert has other pictures; empty when it has no probe any more."""
        return f"{self.probe_capture_id}/{self.subject.subject_id}" if self.probe_capture_id else ""


@dataclass(frozen=True)
class Pictures:
    """The pictures to compare, JPEG bytes; `probe` is empty when the server has none."""

    probe: bytes
    references: tuple[bytes, ...]


class PicturesMissing(StrEnum):
    """Why a screen has no pictures of an alert."""

    LOADING = "LOADING"
    NOT_LOADED = "NOT_LOADED"
    """The server did not send them."""
    NOT_KEPT = "NOT_KEPT"
    """The alert was settled, and the server has deleted them."""


class News(StrEnum):
    """What an alert that comes is to this PC, as its inbox knows, across restarts."""

    FIRST = "FIRST"
    """It was never shown here."""
    CHANGED = "CHANGED"
    """It was shown here, and stood differently then."""
    CALLED = "CALLED"
    """It was shown here, and has come to the supervisors since."""
    SAME = "SAME"
    """It was shown here as it stands."""


@dataclass(frozen=True)
class ShownAlert:
    """An alert on screen. `sequence` is None when it was listed again or waited, so is no event."""

    alert: Alert
    notified_at: datetime
    sequence: int | None = None
    event_type: AlertEventType | None = None
    news: News = News.SAME

    @property
    def relisted(self) -> bool:
        """Whether it was listed again after a restart."""
        return self.sequence is None
