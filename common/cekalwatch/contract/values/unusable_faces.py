"""Travellers who passed without a usable face (domain rule 17): told without a picture and without any key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from annotated_types import Interval


class UnusableReason(StrEnum):
    """Why no face of a passage could be used."""

    UNSPECIFIED = "UNSPECIFIED"
    """Not known, or known only to a newer peer."""
    TURNED = "TURNED"
    """Turned to the side, or up."""
    LOOKING_DOWN = "LOOKING_DOWN"
    COVERED = "COVERED"
    """Covered in part: by a mask, dark glasses, a hand or a cap."""
    DARK = "DARK"
    BRIGHT = "BRIGHT"
    BLURRED = "BLURRED"


@dataclass(frozen=True)
class UnusablePassage:
    """A camera's word that somebody passed, and that no face was fit for an alert."""

    last_seen_at: datetime | None
    """By the client's clock; None: when the message arrives."""
    reason: UnusableReason
    """Most of the time."""
    duration_s: float
    """How long the traveller was in view, 0 to 3600."""
    sent: bool = False
    """Whether a crop was sent all the same, so that the passage is counted already."""


@dataclass(frozen=True)
class UnusableNotice:
    """The server's word to an agent about those who have just passed a counter."""

    site: str
    counter: str
    passages: Annotated[int, Interval(ge=1)]
    """Since the notice before."""
    reason: UnusableReason
    """That of the most."""
    last_seen_at: datetime
