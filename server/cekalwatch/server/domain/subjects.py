"""The people that ban orders are about, with the facts that the source has. What it does not have is empty."""

from __future__ import annotations

from dataclasses import dataclass

MAX_ORDERS = 30
MAX_REFERENCES = 100
"""A subject must fit into one message with all its texts at their longest, or an alert about it could not be sent."""


@dataclass(frozen=True)
class TravelDocument:
    """A passport or the like; `issuing_country` is ISO 3166-1 alpha-3, or empty."""

    type: str
    number: str
    issuing_country: str = ""


@dataclass(frozen=True)
class Subject:
    """A person with at least one ban order."""

    subject_id: str
    name: str
    aliases: tuple[str, ...] = ()
    sex: str = ""
    """"M", "F", "X" or empty."""
    place_of_birth: str = ""
    date_of_birth: str = ""
    """YYYY-MM-DD, or YYYY where only that is known."""
    nationality: str = ""
    """ISO 3166-1 alpha-3."""
    nik: str = ""
    """National identity number of a citizen."""
    travel_documents: tuple[TravelDocument, ...] = ()
    address: str = ""
    occupation: str = ""


@dataclass(frozen=True)
class FaceFigures:
    """What was measured of the face in a photograph."""

    eye_distance_px: float
    """Between the eyes' centres, pixels of the photograph."""
    yaw_degrees: float
    """Estimated head turn, positive to the picture's right, -90 to 90."""
    pitch_degrees: float
    """Estimated head nod, positive downwards, -90 to 90."""
    sharpness: float
    """0 (blurred) to 1 (sharp)."""
    brightness: float
    """Mean luminance of the face, 0 (black) to 1 (white)."""
    detector_score: float
    """How sure the detector is that it is a face, 0 to 1."""
    faces: int
    """Faces that were found in the photograph, this one among them."""


@dataclass(frozen=True)
class ReferenceFace:
    """An enrolled photograph of a subject; its pictures are read separately."""

    reference_id: str
    subject_id: str
    photo_sha256: str
    figures: FaceFigures
    warnings: tuple[str, ...] = ()
