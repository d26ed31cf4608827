"""What was learned of a site's threshold, as servers keep it and people see it.

All thresholds are told by how far they are from the pack's for the same list, which rises as the list grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from cekalwatch.contract.values.reports import LearnedFigures, ThresholdInterval
from cekalwatch.server.learning.score_counts import StandingOut
from cekalwatch.server.learning.site_tail import WantedThreshold
from cekalwatch.vision.thresholds import ThresholdModel

MIN_STEP: Final = 0.005
"""Smaller differences, comparison scores, move nothing: a step is announced to people."""


class LearningMode(StrEnum):
    """What is done with what was learned."""

    APPLY = "apply"
    """The threshold moves to where the site's passages want it."""
    OBSERVE = "observe"
    """It is shown, and the threshold stays."""


@dataclass(frozen=True)
class LearningBounds:
    """How the threshold follows what passes at the cameras, and how far, in comparison scores."""

    mode: LearningMode = LearningMode.APPLY
    """`apply` moves the threshold, where neither two people nor `threshold` set it; `observe` only shows where to."""
    window_days: Annotated[int, Field(ge=1, le=365)] = 30
    """Days whose passages count. Counts of earlier days are removed."""
    step_a_day: Annotated[float, Field(ge=MIN_STEP, le=0.3)] = 0.05
    """Furthest that the threshold moves in one local day."""
    below: Annotated[float, Field(ge=0, le=0.3)] = 0.05
    """Furthest below the pack's threshold that it goes."""
    above: Annotated[float, Field(ge=0, le=0.4)] = 0.2
    """Furthest above the pack's threshold that it goes."""


@dataclass(frozen=True)
class LearnedOffset:
    """How far the site's threshold is from the pack's, and how much it has moved on a day."""

    value: float = 0.0
    day: str = ""
    """The local day of the last step, ISO 8601."""
    moved: float = field(default=0.0)
    """How far all steps of that day went, whichever way."""

    def stepped(self, wanted: WantedThreshold, pack: float, bounds: LearningBounds, today: str) -> LearnedOffset:
        """Return the offset after one step towards the `wanted` threshold; the same where none is due.

        `pack` is the pack's threshold for the same list and FPIR.
        """
        moved = self.moved if self.day == today else 0.0
        target = min(max(wanted.value - pack, -bounds.below), bounds.above)
        away = target - self.value
        left = max(bounds.step_a_day - moved, 0.0)
        if abs(away) < MIN_STEP or left < MIN_STEP:
            return self
        step = min(max(away, -left), left)
        return LearnedOffset(self.value + step, today, moved + abs(step))


@dataclass(frozen=True)
class ThresholdMove:
    """A step of the threshold, with what it means to people."""

    at: datetime
    before: float
    """The threshold before it, comparison score."""
    threshold: float
    passages_per_false_alert: int
    """One false alert is expected in so many passages of people who are not listed."""
    missed: float | None
    """Share of pairs of photographs of one listed person below the threshold: so many are expected to be missed, 0 to
    1. None where too few people have two photographs."""


@dataclass(frozen=True)
class SiteFindings:
    """What the passages of a site said when they were looked at last."""

    passages: int
    """Passages that were counted and not left out."""
    weight: float
    """So many of them count, after no camera and no day counts for too much."""
    standing_out: tuple[StandingOut, ...]
    tail: ThresholdModel | None
    """None while they are too few."""
    low: float
    """The wanted threshold is this far from the pack's at least, with 95 % of certainty; 0 without a tail."""
    high: float
    packs: float
    """The pack's threshold for the list of that moment; 0 before anything was looked at."""
    move: ThresholdMove | None
    """The last step; None when there never was one."""

    NONE: ClassVar[SiteFindings]
    """What is known before anybody has passed."""

    def to_json(self) -> dict[str, Any]:
        """Return the database's form."""
        document = asdict(self)
        if self.move:
            document["move"]["at"] = self.move.at.isoformat()
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SiteFindings:
        """Read the database's form; raises ValueError, KeyError or TypeError for what is none."""
        move, tail = document["move"], document["tail"]
        return cls(
            passages=int(document["passages"]),
            weight=float(document["weight"]),
            standing_out=tuple(StandingOut(**one) for one in document["standing_out"]),
            tail=ThresholdModel.from_json(tail) if tail else None,
            low=float(document["low"]),
            high=float(document["high"]),
            packs=float(document["packs"]),
            move=ThresholdMove(**{**move, "at": datetime.fromisoformat(move["at"])}) if move else None,
        )


SiteFindings.NONE = SiteFindings(0, 0.0, (), None, 0.0, 0.0, 0.0, None)


@dataclass(frozen=True)
class LearnedThreshold:
    """How far a site's threshold is from the pack's, and why."""

    model_version: str
    offset: LearnedOffset
    forgotten_through: str
    """Only passages of days after this one count, a local day, ISO 8601; empty: all that are kept."""
    findings: SiteFindings

    @property
    def figures(self) -> LearnedFigures:
        """What a report says of it."""
        found = self.findings
        return LearnedFigures(
            model_version=self.model_version,
            threshold=found.packs + self.offset.value,
            packs=found.packs,
            interval=ThresholdInterval(found.packs + found.low, found.packs + found.high) if found.tail else None,
            passages=found.passages,
            counting=round(found.weight),
            left_out=tuple(one.camera_id for one in found.standing_out),
        )
