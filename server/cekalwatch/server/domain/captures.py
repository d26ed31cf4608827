"""A face crop from a camera, and one that broke a bound."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.errors import Code


@dataclass(frozen=True)
class Capture:
    """A validated capture. Landmarks are five (x, y) in crop pixels: eyes, nose, mouth corners, each from the left."""

    capture_id: UUID
    camera: Camera
    passage: str
    """Key of the passage: camera, run of its client, and track."""
    captured_at: datetime
    jpeg: bytes
    landmarks: tuple[tuple[float, float], ...]
    quality: float
    """The client's quality figure for the whole crop, 0 to 1."""
    fit: bool = False
    """Whether the face is fit for an alert, by what the client measured (`vision/fitness.py`)."""
    trace: str = ""
    """The context in which it is traced (`program/traces.py`); empty where it is not."""


@dataclass(frozen=True)
class Rejected:
    """A face that broke a bound of the contract; its id is cut to what a receipt holds."""

    capture_id: str
    reason: Code
