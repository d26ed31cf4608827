"""Cameras and the direction of travel that they watch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """The direction of travel below a camera."""

    DEPARTURE = "DEPARTURE"
    ARRIVAL = "ARRIVAL"


@dataclass(frozen=True)
class Camera:
    """A camera of the configuration."""

    camera_id: str
    site: str
    counter: str
    direction: Direction
