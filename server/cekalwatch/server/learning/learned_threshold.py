"""The learned threshold of a site, as servers store it and people see it.

All thresholds are stated as offsets from the pack's threshold for the same list, which rises as the list grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from cekalwatch.contract.values.reports import Estimate, LearnedFigures, ThresholdInterval
from cekalwatch.server.learning.camera_agreement import StandingOut
from cekalwatch.vision.thresholds import ThresholdModel

MIN_STEP: Final = 0.005
"""Minimum step, as a comparison score: each step is announced to people."""
MAX_ALONE: Final = 0.02
"""Maximum distance, as a comparison score, from the offset that two people accepted last; before that, from the pack's
threshold. Further steps wait for two people, so that nobody drives the threshold by what they let pass."""


class LearningMode(StrEnum):
    """Use of the learned threshold."""

    APPLY = "apply"
    """The threshold moves to the learned value."""
    OBSERVE = "observe"
    """The learned value is shown, and the threshold stays."""


@dataclass(frozen=True)
class LearningBounds:
    """How the threshold follows what passes at the cameras, and how far, in comparison scores."""

    mode: LearningMode = LearningMode.APPLY
    """`apply` moves the threshold, where neither two people nor `threshold` set it; `observe` only shows where to."""
    window_days: Annotated[int, Field(ge=1, le=365)] = 30
    """Days whose passages count. Counts of earlier days are removed."""
    step_a_day: Annotated[float, Field(ge=MIN_STEP, le=0.3)] = 0.05
    """Maximum movement of the threshold in one local day."""
    below: Annotated[float, Field(ge=0, le=0.3)] = 0.05
    """Maximum distance below the pack's threshold."""
    above: Annotated[float, Field(ge=0, le=0.4)] = 0.2
    """Maximum distance above the pack's threshold."""

    def limited(self, offset: float) -> float:
        """Return the nearest offset from the pack's threshold that is not too far from it."""
        return min(max(offset, -self.below), self.above)


@dataclass(frozen=True)
class LearnedOffset:
    """The offset of the site's threshold from the pack's, and its movement on one day."""

    value: float = 0.0
    day: str = ""
    """The local day of the last step, ISO 8601."""
    moved: float = field(default=0.0)
    """Sum of all steps of that day, in either direction."""
    accepted: float = 0.0
    """The offset that two people accepted last; 0, the pack's, before they did."""

    def stepped(self, wanted: Estimate, pack: float, bounds: LearningBounds, today: str) -> LearnedOffset:
        """Return the offset after one step towards the `wanted` threshold; the same offset if no step is due.

        `pack` is the pack's threshold for the same list and FPIR.
        """
        moved = self.moved if self.day == today else 0.0
        lowest, highest = min(self.value, self.accepted - MAX_ALONE), max(self.value, self.accepted + MAX_ALONE)
        target = min(max(bounds.limited(wanted.value - pack), lowest), highest)
        away = target - self.value
        left = max(bounds.step_a_day - moved, 0.0)
        if abs(away) < MIN_STEP or left < MIN_STEP:
            return self
        step = min(max(away, -left), left)
        return replace(self, value=self.value + step, day=today, moved=moved + abs(step))

    def waiting(self, wanted: Estimate, pack: float, bounds: LearningBounds) -> float | None:
        """Return the offset that two people should accept: the passages say that none within MAX_ALONE is right.

        None if they do not say so, with 95 % confidence.
        """
        if wanted.low - pack <= self.accepted + MAX_ALONE and wanted.high - pack >= self.accepted - MAX_ALONE:
            return None
        target = bounds.limited(wanted.value - pack)
        return target if abs(target - self.accepted) >= MAX_ALONE + MIN_STEP else None


@dataclass(frozen=True)
class ThresholdMove:
    """A step of the threshold, with its consequences for people."""

    at: datetime
    before: float
    """The threshold before it, comparison score."""
    threshold: float
    passages_per_false_alert: int
    """Passages of people who are not listed for each expected false alert."""
    missed: float | None
    """Share of pairs of photographs of one listed person below the threshold, 0 to 1, which estimates the misses. None
    if too few people have two photographs."""


@dataclass(frozen=True)
class SiteFindings:
    """The result of the last look at the passages of a site."""

    passages: int
    """Counted passages, without those of cameras that are left out."""
    weight: float
    """Passages of cameras that vote; 0 while too few cameras do."""
    standing_out: tuple[StandingOut, ...]
    tail: ThresholdModel | None
    """None while there are too few passages."""
    low: float
    """Minimum offset of the wanted threshold from the pack's, with 95 % confidence; 0 without a tail."""
    high: float
    packs: float
    """The pack's threshold for the list of that moment; 0 before the first look."""
    move: ThresholdMove | None
    """The last step; None before the first one."""
    waiting: float | None = None
    """The offset from the pack's threshold that waits for two people; None if none does."""

    NONE: ClassVar[SiteFindings]
    """The state before the first passage."""

    def to_json(self) -> dict[str, Any]:
        """Return the database's form."""
        document = asdict(self)
        if self.move:
            document["move"]["at"] = self.move.at.isoformat()
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SiteFindings:
        """Read the database's form; raises ValueError, KeyError or TypeError for anything else."""
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
            waiting=document.get("waiting"),
        )


SiteFindings.NONE = SiteFindings(0, 0.0, (), None, 0.0, 0.0, 0.0, None)


@dataclass(frozen=True)
class LearnedThreshold:
    """The offset of a site's threshold from the pack's, and its reason."""

    model_version: str
    offset: LearnedOffset
    forgotten_through: str
    """Only passages after this local day (ISO 8601) count; empty: all stored ones."""
    findings: SiteFindings

    @property
    def waiting(self) -> float | None:
        """The threshold that waits for two people; None if none does."""
        return None if self.findings.waiting is None else self.findings.packs + self.findings.waiting

    @property
    def figures(self) -> LearnedFigures:
        """Its form in a report."""
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
