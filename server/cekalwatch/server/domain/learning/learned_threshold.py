"""What was learned of a site's threshold, as servers keep it and people see it.

All thresholds are told by how far they are from the pack's for the same list, which rises as the list grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar

from cekalwatch.server.domain.learning.site_evidence import StandingOut
from cekalwatch.server.domain.learning.threshold_steps import LearnedOffset
from cekalwatch.vision.thresholds import ThresholdModel


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
