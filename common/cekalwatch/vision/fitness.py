"""When a face is fit for an alert, and what is wrong when it is not, by the checkpoint's rules."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cekalwatch.contract.values.captures import FaceQuality
from cekalwatch.contract.values.unusable_faces import UnusableReason

FIT_EYE_DISTANCE: Final = 60.0
FLOOR_EYE_DISTANCE: Final = 32.0
"""Pixels below which nothing is sent."""
MAX_YAW: Final = 30.0
MAX_PITCH: Final = 30.0
"""Twice the rules' 15: the pitch of one face is only an estimate, and a smile looks like a nod. Over many faces that
levels out, so the rules' own limit applies to their median."""
MAX_MEDIAN_PITCH: Final = 15.0
MIN_SHARPNESS: Final = 0.3
LIGHT: Final = (0.25, 0.75)
"""Mean luminance of an evenly lit face."""


class Flaw(StrEnum):
    """What keeps a face from being fit."""

    SMALL = "small"
    TURNED = "turned"
    NODDING = "nodding"
    BLURRED = "blurred"
    DARK = "dark"
    BRIGHT = "bright"


def flaws(quality: FaceQuality) -> frozenset[Flaw]:
    """Return what is wrong with a face; nothing when it is fit."""
    found = {
        Flaw.SMALL: quality.eye_distance_px < FIT_EYE_DISTANCE,
        Flaw.TURNED: abs(quality.yaw_degrees) > MAX_YAW,
        Flaw.NODDING: abs(quality.pitch_degrees) > MAX_PITCH,
        Flaw.BLURRED: quality.sharpness < MIN_SHARPNESS,
        Flaw.DARK: quality.brightness < LIGHT[0],
        Flaw.BRIGHT: quality.brightness > LIGHT[1],
    }
    return frozenset(flaw for flaw, is_so in found.items() if is_so)


def unusable_reason(quality: FaceQuality) -> UnusableReason | None:
    """Return why a face cannot be used, however large it is; None for one that lacks nothing that is measured here.

    The reason that comes first in a face that has several: a face that is turned away is darker and less sharp, too.
    """
    found = flaws(quality)
    if quality.score == 0 or Flaw.TURNED in found:  # of a profile, the landmarks are those of no face
        return UnusableReason.TURNED
    if Flaw.NODDING in found:
        return UnusableReason.LOOKING_DOWN if quality.pitch_degrees > 0 else UnusableReason.TURNED
    reasons = {
        Flaw.DARK: UnusableReason.DARK,
        Flaw.BRIGHT: UnusableReason.BRIGHT,
        Flaw.BLURRED: UnusableReason.BLURRED,
    }
    return next((reason for flaw, reason in reasons.items() if flaw in found), None)
