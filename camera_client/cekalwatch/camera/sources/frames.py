"""A frame of a camera, and the interface of what gives frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cekalwatch.camera.sources.stream_health import StreamFault
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.faces import Picture


class SourceError(ProgramError):
    """A source of frames cannot be used; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.UNAVAILABLE)


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of the camera."""

    picture: Picture
    captured_at: datetime
    """When it was taken, UTC; for a file, when it was read."""
    at_s: float
    """Its position in the source, in seconds from an arbitrary beginning. It rises by the time between two frames, at
    any reading speed of a file; motion and gaps are computed from it."""


class FrameSource(Protocol):
    """Gives frames to one thread; iterating begins it, once."""

    @property
    def name(self) -> str:
        """Its name, for logs, without a password."""

    @property
    def endless(self) -> bool:
        """True for a camera, which is reopened for ever; False for a file, which ends."""

    @property
    def can_wait(self) -> bool:
        """True when no frame is lost if the reader takes its time."""

    @property
    def dropped(self) -> int:
        """Frames skipped so far because the reader was too slow."""

    @property
    def faults(self) -> Mapping[StreamFault, int]:
        """How often it was opened again, by reason."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames until the end, or until `close`."""

    def close(self) -> None:
        """End the iteration, from any thread; release the device or file."""
