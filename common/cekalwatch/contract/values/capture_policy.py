"""Limits of a camera's captures: from the settings, and from people's changes for one camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as validated

EyeDistance = Annotated[float, Field(ge=8, le=1000)]
Turn = Annotated[float, Field(gt=0, le=90)]
CropCount = Annotated[int, Field(ge=1, le=20)]
JpegQuality = Annotated[int, Field(ge=50, le=100)]
DetectorScore = Annotated[float, Field(ge=0, le=1)]


@validated(frozen=True, config=ConfigDict(extra="forbid"))
class CapturePolicy:
    """Limits of a camera's captures, which the server sets. Raises ValueError outside the bounds."""

    min_eye_distance_px: EyeDistance = 32.0
    """Smallest distance between the eyes, in pixels of the frame."""
    max_yaw_degrees: Turn = 50.0
    """Largest turn of the head to either side. Crops turned by 40 to 50 degrees, measured from five landmarks, are
    recognised as well as others; beyond that they are not (docs/adr/0030)."""
    max_pitch_degrees: Turn = 45.0
    """Largest nod of the head up or down. It is wider than the 15 degrees that recognition wants: measured from five
    landmarks, a laugh looks like a nod of up to 40."""
    max_crops_per_track: CropCount = 5
    """Maximum number of crops of one passage."""
    jpeg_quality: JpegQuality = 85
    """JPEG quality of the crops. At 90 they are a quarter larger and are recognised no better
    (benchmarks/camera/crops.py)."""
    min_detector_score: DetectorScore = 0.7
    """Smallest confidence of the detector."""

    def sends_less_than(self, other: CapturePolicy) -> bool:
        """Whether a face or a crop that `other` lets a camera send is withheld."""
        return (
            self.min_eye_distance_px > other.min_eye_distance_px
            or self.min_detector_score > other.min_detector_score
            or self.max_yaw_degrees < other.max_yaw_degrees
            or self.max_pitch_degrees < other.max_pitch_degrees
            or self.max_crops_per_track < other.max_crops_per_track
        )


@validated(frozen=True, config=ConfigDict(extra="forbid"))
class CapturePolicyChanges:
    """The differences of one camera's policy from the common one; unset fields have its values."""

    min_eye_distance_px: EyeDistance | None = None
    """Smallest distance between the eyes, in pixels of the frame."""
    max_yaw_degrees: Turn | None = None
    """Largest turn of the head to either side."""
    max_pitch_degrees: Turn | None = None
    """Largest nod of the head up or down."""
    max_crops_per_track: CropCount | None = None
    """Maximum number of crops of one passage."""
    jpeg_quality: JpegQuality | None = None
    """JPEG quality of the crops."""
    min_detector_score: DetectorScore | None = None
    """Smallest confidence of the detector."""

    def applied_to(self, usual: CapturePolicy) -> CapturePolicy:
        """Return the camera's policy, if the common one is `usual`."""
        return replace(usual, **self.figures)

    @property
    def figures(self) -> dict[str, Any]:
        """The set fields, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


POLICY_BOUNDS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "min_eye_distance_px": (16, 80),
        "max_yaw_degrees": (20, 90),
        "max_pitch_degrees": (20, 90),
        "max_crops_per_track": (2, 20),
        "jpeg_quality": (70, 100),
        "min_detector_score": (0.3, 0.9),
    }
)
"""Least and most of each figure. The settings allow more; what a person sets from elsewhere leaves a camera of use:
beyond these bounds it sends hardly any face, or none that is recognised."""


WHOLE: Final = frozenset({"max_crops_per_track", "jpeg_quality"})
"""Figures that are whole numbers."""
DIGITS: Final = 4
"""That count of the others: the contract's floats have about seven."""


def out_of_bounds(changes: CapturePolicyChanges) -> str:
    """Return the name of a figure that is out of its bounds; empty when all are within."""
    for name, (least, most) in POLICY_BOUNDS.items():
        value = getattr(changes, name)
        # Written so that NaN is out of bounds as well.
        if value is not None and not least <= value <= most:
            return name
    return ""


UNCHANGED: Final = CapturePolicyChanges()


@dataclass(frozen=True, kw_only=True)
class SetPolicy:
    """The changes of a camera's policy by people."""

    changes: CapturePolicyChanges = UNCHANGED
    """How it differs from the settings now; nothing: not at all."""
    before: CapturePolicyChanges = UNCHANGED
    """The previous values, for a return to them."""
    number: int = 0
    """How often it was set."""
    set_at: datetime | None = None
    """None: never."""


@dataclass(frozen=True, kw_only=True)
class CameraPolicy(SetPolicy):
    """The policy of one camera, and its origin."""

    camera_id: str
    in_force: CapturePolicy
    of_settings: CapturePolicy
