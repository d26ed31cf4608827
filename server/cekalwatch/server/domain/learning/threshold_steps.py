"""How a threshold moves to where a site's own passages want it: in small steps, within bounds around the pack's.

The pack's threshold rises with the list; what is learned is by how much the site's is above or below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from cekalwatch.server.domain.learning.site_tail import ThresholdInterval

MIN_STEP: Final = 0.005
"""Smaller differences, comparison scores, move nothing: a step is announced to people."""


@dataclass(frozen=True)
class LearningBounds:
    """How far what passes at the cameras can move the threshold, in comparison scores."""

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
