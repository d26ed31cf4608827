"""The people of a folder of photographs: who has enough of them that show a face, and which role each gets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.faces import Picture
from deploy.demo.faces import FOLDER_ROLES, PHOTOS_NEEDED, people_of_folder
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.server import engine

pytestmark = pytest.mark.slow


def passport(number: int) -> Picture:
    """A photograph whose middle is the face; each number has another size."""
    picture = astronaut(0.7 + 0.1 * number)
    size = len(picture)
    return picture[: round(0.46 * size), round(0.21 * size) : round(0.67 * size)]


def person_in(folder: Path, name: str, photos: int = PHOTOS_NEEDED, *, faceless: bool = False) -> None:
    """Put photographs of somebody into a sub-folder; `faceless`: the last of them shows a wall."""
    place = folder / name
    place.mkdir(parents=True)
    for number in range(photos):
        shown = passport(number)
        wall = faceless and number == photos - 1
        cv2.imwrite(str(place / f"{number}.jpg"), np.full_like(shown, 128) if wall else shown)


def test_the_first_people_with_enough_photographs_get_a_role_each(tmp_path: Path) -> None:
    person_in(tmp_path, "a-too-few", PHOTOS_NEEDED - 1)
    person_in(tmp_path, "b-without-a-face", faceless=True)
    for number in range(len(FOLDER_ROLES) + 1):
        person_in(tmp_path, f"c-{number}")
    (tmp_path / "d-nobody.txt").write_text("no folder")
    (tmp_path / "c-0" / "00.jpg").write_bytes(b"damaged")
    (tmp_path / "c-0" / "000.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    said = list[str]()
    people = people_of_folder(tmp_path, engine().detector, said.append)
    assert [Path(line.split()[0]).name for line in said] == ["2.jpg", "00.jpg", "000.HEIC"]
    assert "no face" in said[0]
    assert "cannot be read" in said[1]
    assert "save it as JPEG" in said[2]
    assert tuple(person.role for person in people) == FOLDER_ROLES
    assert len({person.subject_id for person in people}) == len({person.name for person in people}) == len(people)
    for person in people:
        assert len(person.passage_photos) == PHOTOS_NEEDED - 1
        # The photograph for the list is the first, upright; the video has the others, as they are.
        assert person.list_photo.landmarks[0][1] == pytest.approx(person.list_photo.landmarks[1][1], abs=1)
        heights = [len(photo.picture) for photo in person.passage_photos]
        assert heights == [len(passport(number)) for number in range(1, PHOTOS_NEEDED)]


def test_a_folder_that_is_not_there_or_has_too_few_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="There is no folder") as missing:
        people_of_folder(tmp_path / "none", engine().detector, print)
    person_in(tmp_path, "only")
    with pytest.raises(ProgramError, match=f"has 1 people with .* {len(FOLDER_ROLES)} are needed") as few:
        people_of_folder(tmp_path, engine().detector, print)
    assert missing.value.exit_code == few.value.exit_code == Exit.NO_INPUT
