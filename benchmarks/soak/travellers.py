"""Who passes in the soak: people of LFW. Those with two photographs are listed by one and pass with another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.chaos.people import Traveller
from benchmarks.recognition.faces import FACES
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from deploy.demo.people import Person, Photo, Role

LIST_SCALE = 2.0
"""By how much a photograph of LFW is enlarged for the list, whose faces have more pixels than a passage's."""


@dataclass(frozen=True)
class Public:
    """Everybody who passes."""

    listed: tuple[Traveller, ...]
    strangers: tuple[Traveller, ...]


def public(detector: FaceDetector, listed: int, strangers: int) -> Public:
    """Return this number of people; raises FileNotFoundError where the data set is not there or too small."""
    if not (FACES / "lfw").is_dir():
        raise FileNotFoundError(f"{FACES / 'lfw'} (one folder a person)")
    found: dict[Role, list[Traveller]] = {Role.LISTED: [], Role.UNLISTED: []}
    wanted = {Role.LISTED: listed, Role.UNLISTED: strangers}
    for folder in sorted((FACES / "lfw").iterdir()):
        photographs = sorted(folder.glob("*.jpg"))[:2]
        role = Role.LISTED if len(photographs) == 2 and len(found[Role.LISTED]) < listed else Role.UNLISTED
        if len(found[role]) < wanted[role] and (one := _traveller(photographs, role, folder.name, detector)):
            found[role].append(one)
    for role, people in found.items():
        if len(people) < wanted[role]:
            raise FileNotFoundError(f"{wanted[role]} people ({role.value}) in {FACES / 'lfw'}, not {len(people)}")
    return Public(tuple(found[Role.LISTED]), tuple(found[Role.UNLISTED]))


def _traveller(photographs: list[Path], role: Role, name: str, detector: FaceDetector) -> Traveller | None:
    pictures = list(_faces(photographs, detector))
    if len(pictures) < len(photographs):
        return None
    (picture, face), (small, listed_face) = pictures[-1], pictures[0]
    large = np.asarray(cv2.resize(small, None, fx=LIST_SCALE, fy=LIST_SCALE, interpolation=cv2.INTER_CUBIC), np.uint8)
    person = Person(
        subject_id=f"S-{name}"[:64],
        name=f"CONTOH {name}".upper().replace("_", " "),
        sex="",
        role=role,
        list_photo=Photo(large, listed_face.landmarks * np.float32(LIST_SCALE)),
        passage_photos=(Photo.of(picture, face),),
    )
    return Traveller(person, picture, face)


def _faces(photographs: list[Path], detector: FaceDetector) -> Iterator[tuple[Picture, Face]]:
    """Yield each photograph with the face in its middle, where LFW has its person; nothing of one without."""
    for path in photographs:
        picture = np.asarray(cv2.imread(str(path)), np.uint8)
        middle = np.array(picture.shape[1::-1]) / 2
        faces = detector.detect(picture)
        if faces:
            yield picture, min(faces, key=lambda one: float(np.linalg.norm(one.landmarks[2] - middle)))
