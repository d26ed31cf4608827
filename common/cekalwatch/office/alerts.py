"""An alert on the screens of one PC: what it is to this PC, and how far its score lies above the threshold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.alerts import Alert

CLEARLY_ABOVE = 0.05
FAR_ABOVE = 0.15
"""How far above the threshold a comparison score is for the next level. Levels order alerts by how much they stand out;
they say nothing about the chance that it is the same person."""


class ScoreLevel(StrEnum):
    """How far a comparison score lies above its threshold, lowest first."""

    JUST = "JUST"
    CLEARLY = "CLEARLY"
    FAR = "FAR"


def score_level(alert: Alert) -> ScoreLevel:
    """Return how far the score lies above the threshold."""
    above = alert.score - alert.threshold
    if above >= FAR_ABOVE:
        return ScoreLevel.FAR
    return ScoreLevel.CLEARLY if above >= CLEARLY_ABOVE else ScoreLevel.JUST


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
