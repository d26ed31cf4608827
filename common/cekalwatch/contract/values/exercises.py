"""How an exercise ended, and where one that failed stopped (domain rule 16)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import MaxLen


class ExerciseResult(StrEnum):
    """The result of an exercise for its reader."""

    RECOGNISED = "RECOGNISED"
    """They saw that the faces agree."""
    UNDECIDED = "UNDECIDED"
    """They could not tell."""
    MISSED = "MISSED"
    """They took the two faces for two people's."""
    ENDED = "ENDED"
    """It is over, and was not theirs to answer for."""


@dataclass(frozen=True)
class ExerciseRecord:
    """How a person judged exercises within the last 90 days. Only they see it."""

    recognised: int = 0
    undecided: int = 0
    missed: int = 0


@dataclass(frozen=True)
class ExerciseHours:
    """When exercises come, at all sites of a server. Without shifts there are none."""

    shifts: tuple[Annotated[str, MaxLen(11)], ...] = ()
    """Each as HH:MM-HH:MM, by the site's clock; at most 6."""
    a_shift: int = 1
    """Exercises of each counter in a shift, 1 to 10."""


@dataclass(frozen=True)
class ExercisePlan:
    """When exercises come, and what they need."""

    hours: ExerciseHours
    subjects: int
    """Staff who agreed to be in them: without any, none come."""
    looks_asked: bool
    """Whether first looks are asked for: otherwise none come."""


class ExerciseStage(StrEnum):
    """How far an exercise has come; of one that failed: the stage at which it stopped."""

    PLANNED = "PLANNED"
    CAMERA = "CAMERA"
    """The capture host has it, and has not answered."""
    DETECTION = "DETECTION"
    """The host played it, and its detector chose no crop."""
    UPLINK = "UPLINK"
    """The host chose crops, and none has arrived."""
    RECOGNITION = "RECOGNITION"
    """Crops arrived, and none was recognised."""
    DELIVERY = "DELIVERY"
    """The alert is in the log, and no PC of the counter has shown it."""
    JUDGEMENT = "JUDGEMENT"
    """It is on a screen of the counter, or was judged."""
