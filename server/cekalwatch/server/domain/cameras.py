"""Cameras and the direction of travel that they watch."""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.wire.vocabulary.orders import Direction


@dataclass(frozen=True)
class Camera:
    """A camera of the configuration."""

    camera_id: str
    site: str
    counter: str
    direction: Direction
