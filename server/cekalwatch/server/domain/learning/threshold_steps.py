"""How a threshold moves to where a site's own passages want it: in small steps, within bounds around the pack's.

The pack's threshold rises with the list; what is learned is by how much the site's is above or below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from cekalwatch.server.domain.learning.site_tail import ThresholdInterval

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

    def stepped(self, wanted: ThresholdInterval, pack: float, bounds: LearningBounds, today: str) -> LearnedOffset:
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
