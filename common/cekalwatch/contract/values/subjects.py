"""The subjects of ban orders, with the facts of the source and their reference faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import MaxLen

from cekalwatch.contract.values.keys import Key

MAX_ORDERS = 30
MAX_REFERENCES = 100
"""A subject must fit into one message with all its texts at their longest, or an alert about it could not be sent."""
MAX_ADDRESS = 500

MIN_IDENTITY_LENGTH = 5
"""Minimum letters and digits of a document's number that identifies a person; passports have six or more."""


@dataclass(frozen=True)
class TravelDocument:
    """A passport or the like; `issuing_country` is ISO 3166-1 alpha-3, or empty."""

    type: str
    number: str
    issuing_country: str = ""


@dataclass(frozen=True)
class Identity:
    """A number that one person has, written in one form."""

    type: str
    number: str
    issuing_country: str = ""

    @property
    def tells_people_apart(self) -> bool:
        """Whether it may be a real number, and not a filler of lists: `-`, `TIDAK ADA`, `000000`."""
        return (
            len(self.number) >= MIN_IDENTITY_LENGTH and len(set(self.number)) > 1 and any(map(str.isdigit, self.number))
        )


@dataclass(frozen=True)
class Subject:
    """A person with at least one ban order. Unknown facts are empty."""

    subject_id: Key
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
    address: Annotated[str, MaxLen(MAX_ADDRESS)] = ""
    occupation: str = ""

    @property
    def identities(self) -> frozenset[Identity]:
        """Numbers that only one person has: subjects that share one are the same person."""
        papers = {Identity("NIK", self.nik)}
        for document in self.travel_documents:
            number = "".join(filter(str.isalnum, document.number.upper()))
            papers.add(Identity(document.type.casefold(), number, document.issuing_country))
        return frozenset(one for one in papers if one.tells_people_apart)


@dataclass(frozen=True)
class FaceMeasures:
    """What is measured of a face in a picture; 0 when nothing was."""

    eye_distance_px: float = 0.0
    """Between the eyes' centres, pixels of the picture."""
    yaw_degrees: float = 0.0
    """Estimated head turn, positive to the picture's right, -90 to 90."""
    pitch_degrees: float = 0.0
    """Estimated head nod, positive downwards, -90 to 90."""
    sharpness: float = 0.0
    """0 (blurred) to 1 (sharp)."""
    brightness: float = 0.0
    """Mean luminance of the aligned face, 0 (black) to 1 (white)."""


@dataclass(frozen=True)
class FaceFigures(FaceMeasures):
    """The measurements of the face in a photograph."""

    detector_score: float = 0.0
    """How sure the detector is that it is a face, 0 to 1."""
    faces: int = 0
    """Faces that were found in the photograph, this one among them."""


@dataclass(frozen=True, eq=False)
class PicturedFace:
    """The face of a photograph, measured."""

    face_jpeg: bytes = field(repr=False)
    """The face with half its width around it, at most 60 kB."""
    figures: FaceFigures
    warnings: tuple[str, ...]
    """Members of EnrolmentWarning."""


@dataclass(frozen=True)
class ReferenceFace:
    """An enrolled photograph of a subject."""

    reference_id: Key
    photo_sha256: str
    figures: FaceFigures
    warnings: tuple[str, ...] = ()
    """Members of EnrolmentWarning."""
    subject_id: str = ""
    """Empty where the subject is known otherwise: messages do not have it."""
    also_under: tuple[Key, ...] = ()
    """Subjects with a similar face, most similar first; only in an answer about one subject."""
    jpeg: bytes = field(default=b"", repr=False)
    """The picture of the face; empty if it was not requested."""
