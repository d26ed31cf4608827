"""One face under two subjects, whether the list has the other already or it came a moment ago."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.subjects import MAX_REFERENCES
from cekalwatch.server.gallery.index import Gallery
from cekalwatch.server.gallery.lookalikes import MAX_LOOKALIKES, LoadedList, LookalikeFinder
from tests.support.builders.watchlist import MODEL, SIZE

THRESHOLD = 0.5


def face(direction: int, *, towards: int = 0, by: float = 0.0) -> NDArray[np.float32]:
    """A template in axis `direction`, leaning towards another axis so that their cosine is `by`."""
    axes = np.eye(SIZE, dtype=np.float32)
    mixed = np.sqrt(1 - by**2) * axes[direction] + by * axes[towards]
    return np.asarray(mixed, dtype=np.float32)


@dataclass
class Server:
    """Something whose list is loaded anew from time to time."""

    loaded: LoadedList = field(default_factory=lambda: loaded(0))

    def current(self) -> LoadedList:
        return self.loaded


def loaded(version: int, **faces: NDArray[np.float32]) -> LoadedList:
    templates = np.array([*faces.values()], dtype=np.float32).reshape(-1, SIZE)
    return LoadedList(Gallery.build(MODEL, SIZE, templates, tuple(faces)), version)


def lookalikes(server: Server) -> LookalikeFinder:
    return LookalikeFinder(server.current, lambda _: THRESHOLD)


def test_a_face_that_another_subject_has_is_found_and_the_subjects_own_is_not() -> None:
    search = lookalikes(Server(loaded(1, A=face(0), B=face(0, towards=1, by=0.6), C=face(2))))
    assert search.others("A", face(0), MODEL) == ("B",)
    assert search.others("D", face(0), MODEL) == ("A", "B")
    assert search.others("D", face(3), MODEL) == ()


def test_below_the_threshold_faces_are_different_people() -> None:
    search = lookalikes(Server(loaded(1, A=face(0))))
    assert search.others("B", face(1, towards=0, by=0.49), MODEL) == ()
    assert search.others("B", face(1, towards=0, by=0.51), MODEL) == ("A",)


def test_what_was_enrolled_since_the_list_was_loaded_is_found_as_well() -> None:
    server = Server()
    search = lookalikes(server)
    search.add("A", face(0), MODEL, 1)
    assert search.others("B", face(0), MODEL) == ("A",)
    assert search.others("A", face(0), MODEL) == ()


def test_it_is_forgotten_once_the_list_has_it_and_not_sooner() -> None:
    server = Server()
    search = lookalikes(server)
    search.add("A", face(0), MODEL, 1)
    search.add("B", face(1), MODEL, 2)
    server.loaded = loaded(1, A=face(0))
    search.add("C", face(2), MODEL, 3)
    assert search.others("X", face(1), MODEL) == ("B",)
    # The list has B and C now, and A was taken off meanwhile.
    server.loaded = loaded(4, B=face(1), C=face(2))
    assert search.others("X", face(0), MODEL) == ()
    assert search.others("X", face(1), MODEL) == ("B",)


def test_the_threshold_is_that_of_a_list_of_this_length() -> None:
    server = Server(loaded(1, A=face(0)))
    lengths: list[int] = []

    def threshold(length: int) -> float:
        lengths.append(length)
        return THRESHOLD

    search = LookalikeFinder(server.current, threshold)
    search.add("B", face(1), MODEL, 2)
    search.others("C", face(2), MODEL)
    assert lengths == [2]


def test_the_most_similar_come_first_and_only_a_few_are_named() -> None:
    listed = {f"S{number}": face(0, towards=number, by=0.1 * number) for number in range(1, 6)}
    found = lookalikes(Server(loaded(1, **listed))).others("X", face(0), MODEL)
    assert found == ("S1", "S2", "S3")
    assert len(found) == MAX_LOOKALIKES


def test_faces_of_another_model_are_never_compared() -> None:
    search = lookalikes(Server(loaded(1, A=face(0))))
    assert search.others("B", face(0), "other-model") == ()
    search.add("C", face(1), "other-model", 2)
    assert search.others("B", face(1), MODEL) == ()


def test_as_many_photographs_as_a_subject_can_have_do_not_hide_another_subject() -> None:
    search = lookalikes(Server())
    for version in range(1, MAX_REFERENCES + 1):
        search.add("A", face(0), MODEL, version)
    search.add("B", face(0, towards=1, by=0.5), MODEL, MAX_REFERENCES + 1)
    assert search.others("A", face(0), MODEL) == ("B",)
