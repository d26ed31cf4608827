"""Where a demonstration's people come from: pictures in installed packages, or a folder of one sub-folder a person.

The packages' pictures show each person once. The list's photograph is then the same picture, processed until it is
no longer the one that passes (mirrored, turned, blurred, other contrast, compressed): that shows the chain at work,
and says nothing about recognition. A folder with several photographs a person does.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from cekalwatch.camera.sources.files import read_picture
from cekalwatch.pictures.errors import PictureError
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from deploy.demo.people import Person, Photo, Role

FOLDER_ROLES = (Role.LISTED, Role.LAPSED, Role.LISTED, Role.TANGKAL, Role.URGENT, Role.UNLISTED, Role.UNLISTED)
PHOTOS_NEEDED = 3
"""One for the list, and two in the video, so that a passage shows more than one pose."""
LIST_EYE_DISTANCE = 100.0


@dataclass(frozen=True)
class _Source:
    name: str
    sex: str
    role: Role
    package: str
    file: str
    centre: tuple[float, float]
    """Roughly where the face is, as shares of the picture's width and height."""
    passes: bool = True


_BUILT_IN = (
    _Source("Ratna Kusumawati", "F", Role.LISTED, "skimage", "data/astronaut.png", (0.44, 0.23)),
    _Source("Bima Prasetyo", "M", Role.LAPSED, "insightface", "data/images/t1.jpg", (0.62, 0.46)),
    _Source("Daniel Whitmore", "M", Role.UNLISTED, "insightface", "data/images/t1.jpg", (0.74, 0.15)),
    _Source("Yusuf Hartanto", "M", Role.LISTED, "insightface", "data/images/t1.jpg", (0.40, 0.38)),
    _Source("Helena Brandt", "F", Role.TANGKAL, "insightface", "data/images/t1.jpg", (0.08, 0.37)),
    _Source("Sari Lestari", "F", Role.URGENT, "insightface", "data/images/t1.jpg", (0.92, 0.38)),
    _Source("Dewi Anggraini", "F", Role.UNLISTED, "insightface", "data/images/t1.jpg", (0.25, 0.24)),
    _Source(
        "Agus Santoso", "M", Role.LISTED, "insightface", "data/images/Tom_Hanks_54745.png", (0.5, 0.5), passes=False
    ),
)
_FOLDER_NAMES = tuple(source.name for source in _BUILT_IN)


def built_in_people(detector: FaceDetector) -> list[Person]:
    """Return the people of the installed packages' pictures. Raises ProgramError when a face is not found."""
    people = []
    for number, source in enumerate(_BUILT_IN, start=1):
        picture = _read(_package_file(source.package, source.file))
        if min(picture.shape[:2]) < 200:
            picture = _with_surroundings(picture)
        photo = _photo(picture, detector, source.centre)
        if photo is None:
            raise ProgramError(f"No face was found for {source.name} in {source.package}'s {source.file}", Exit.CONFIG)
        people.append(
            Person(
                subject_id=f"S-{number:03d}",
                name=source.name,
                sex=source.sex,
                role=source.role,
                list_photo=_processed(photo, number),
                passage_photos=(photo,) if source.passes else (),
            )
        )
    return people


def people_of_folder(folder: Path, detector: FaceDetector, say: Callable[[str], None]) -> list[Person]:
    """Return the first people of `folder` that have enough usable photographs, one for each of FOLDER_ROLES.

    `say` gets a sentence for each photograph that is left out. Raises ProgramError when the folder does not exist or
    has too few such people.
    """
    if not folder.is_dir():
        raise ProgramError(f"There is no folder {folder}", Exit.NO_INPUT)
    people: list[Person] = []
    for sub_folder in sorted(path for path in folder.iterdir() if path.is_dir()):
        usable = (_usable(file, detector, say) for file in sorted(sub_folder.iterdir()))
        photos = list(islice((photo for photo in usable if photo), PHOTOS_NEEDED))
        if len(photos) < PHOTOS_NEEDED:
            continue
        number = len(people) + 1
        people.append(
            Person(
                subject_id=f"S-{number:03d}",
                name=_FOLDER_NAMES[len(people)],
                sex="",
                role=FOLDER_ROLES[len(people)],
                list_photo=_portrait(photos[0]),
                passage_photos=tuple(photos[1:]),
            )
        )
        if len(people) == len(FOLDER_ROLES):
            return people
    raise ProgramError(
        f"{folder} has {len(people)} people with {PHOTOS_NEEDED} photographs that show a face; "
        f"{len(FOLDER_ROLES)} are needed, each in a sub-folder",
        Exit.NO_INPUT,
    )


def _usable(file: Path, detector: FaceDetector, say: Callable[[str], None]) -> Photo | None:
    try:
        photo = _photo(read_picture(file), detector, (0.5, 0.5))
    except (PictureError, OSError) as error:
        say(f"{file} is left out: it cannot be read ({error}).")
        return None
    if photo is None:
        say(f"{file} is left out: no face was found in it.")
    return photo


def _package_file(package: str, file: str) -> Path:
    # find_spec does not import: insightface takes seconds.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ProgramError(f"The package {package} is not installed; run make setup", Exit.MISSING_EXTRA)
    return Path(spec.origin).parent / file


def _read(file: Path) -> Picture:
    try:
        return read_picture(file)
    except (PictureError, OSError) as error:
        raise ProgramError(f"{file} is no picture that can be read: {error}", Exit.NO_INPUT) from None


def _with_surroundings(picture: Picture) -> Picture:
    """Put a tightly cut face into a larger picture: detectors want to see what is around a face."""
    margin = max(picture.shape[:2]) // 2
    bordered = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_REFLECT)
    soft = cv2.GaussianBlur(bordered, (0, 0), margin / 4)
    soft[margin:-margin, margin:-margin] = picture
    return np.asarray(soft, dtype=np.uint8)


def _photo(picture: Picture, detector: FaceDetector, centre: tuple[float, float]) -> Photo | None:
    """Return the face nearest to `centre`, or None when none is within its own size of it."""
    height, width = picture.shape[:2]
    wanted = np.array([centre[0] * width, centre[1] * height])

    def distance(face: Face) -> float:
        return float(np.linalg.norm(np.array([face.left + face.right, face.top + face.bottom]) / 2 - wanted))

    near = [face for face in detector.detect(picture) if distance(face) < max(face.width, face.height)]
    return Photo.of(picture, min(near, key=distance)) if near else None


def _portrait(photo: Photo, turn_degrees: float = 0.0) -> Photo:
    """Cut an upright head-and-shoulders portrait whose eyes are LIST_EYE_DISTANCE apart."""
    left, right = photo.landmarks[0], photo.landmarks[1]
    roll = float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))
    eyes = (left + right) / 2
    matrix = cv2.getRotationMatrix2D(
        (float(eyes[0]), float(eyes[1])), roll + turn_degrees, LIST_EYE_DISTANCE / photo.unit
    )
    width, height = round(4.4 * LIST_EYE_DISTANCE), round(5.2 * LIST_EYE_DISTANCE)
    matrix[:, 2] += np.array([width / 2, 0.42 * height]) - eyes
    picture = cv2.warpAffine(
        photo.picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    landmarks = photo.landmarks @ matrix[:, :2].T + matrix[:, 2]
    return Photo(np.asarray(picture, dtype=np.uint8), landmarks.astype(np.float32))


def _processed(photo: Photo, seed: int) -> Photo:
    """Return a portrait from `photo` that differs from it the way a scanned print would."""
    random = np.random.default_rng(seed)
    portrait = _portrait(photo, turn_degrees=float(random.uniform(2, 4)))
    blurred = cv2.GaussianBlur(cv2.flip(portrait.picture, 1), (0, 0), 1.2)
    paler = cv2.convertScaleAbs(blurred, alpha=float(random.uniform(0.82, 0.9)), beta=float(random.uniform(8, 20)))
    _, encoded = cv2.imencode(".jpg", paler, [cv2.IMWRITE_JPEG_QUALITY, 70])
    picture = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    mirrored = portrait.landmarks.copy()
    mirrored[:, 0] = picture.shape[1] - 1 - mirrored[:, 0]
    # Mirroring swaps what is on the picture's left and on its right.
    return Photo(picture, mirrored[[1, 0, 2, 4, 3]])
