"""All pairs of look-alikes: found once, then followed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.gallery.index import Gallery
from cekalwatch.server.gallery.lookalikes import BLOCK_SUBJECTS, LoadedList, LookalikePairs
from tests.support.builders.watchlist import MODEL, SIZE

AXES = np.eye(SIZE, dtype=np.float32)


def like(direction: int, other: int, cosine: float) -> NDArray[np.float32]:
    """A template in axis `direction` that leans towards another."""
    return np.asarray(np.sqrt(1 - cosine**2) * AXES[direction] + cosine * AXES[other], dtype=np.float32)


@dataclass
class Listed:
    """A list that a test changes."""

    loaded: LoadedList
    threshold: float = 0.5
    changed: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    @property
    def pairs(self) -> LookalikePairs:
        return LookalikePairs(lambda: self.loaded, lambda _: self.threshold, self.since)

    def since(self, version: int) -> list[str]:
        self.asked.append(version)
        return self.changed

    def holds(self, version: int, **faces: NDArray[np.float32]) -> None:
        self.loaded = loaded(version, **faces)


def loaded(version: int, **faces: NDArray[np.float32]) -> LoadedList:
    templates = np.array([*faces.values()], dtype=np.float32).reshape(-1, SIZE)
    return LoadedList(Gallery.build(MODEL, SIZE, templates, tuple(faces)), version)


def found(pairs: LookalikePairs) -> dict[tuple[str, str], float]:
    pairs.round()
    assert pairs.found().waiting == 0
    return {(pair.first, pair.second): round(score, 2) for pair, score in pairs.found().likeness.items()}


def test_each_pair_is_found_once_with_how_alike_the_two_are() -> None:
    listed = Listed(loaded(1, A=AXES[0], B=like(1, 0, 0.6), C=AXES[2], D=like(3, 2, 0.8)))
    pairs = listed.pairs
    assert pairs.found().waiting, "nothing was compared yet"
    assert found(pairs) == {("A", "B"): 0.6, ("C", "D"): 0.8}


def test_who_came_changed_or_went_is_followed_and_nobody_else_is_compared_again() -> None:
    listed = Listed(loaded(1, A=AXES[0], B=like(1, 0, 0.6), C=AXES[2]))
    pairs = listed.pairs
    assert found(pairs) == {("A", "B"): 0.6}
    listed.holds(2, A=AXES[0], B=AXES[1], C=AXES[2], D=like(3, 2, 0.7))
    listed.changed = ["B", "D"]
    assert found(pairs) == {("C", "D"): 0.7}
    assert listed.asked == [1]
    listed.changed = []
    listed.holds(2, A=AXES[0], B=AXES[1], C=AXES[2])  # an order ended: no change of the list
    assert found(pairs) == {}


def test_a_threshold_that_moves_shows_more_or_fewer() -> None:
    listed = Listed(loaded(1, A=AXES[0], B=like(1, 0, 0.6), C=like(2, 0, 0.4)))
    pairs = listed.pairs
    assert found(pairs) == {("A", "B"): 0.6}
    listed.threshold = 0.61
    assert found(pairs) == {}
    listed.threshold = 0.3
    assert found(pairs) == {("A", "B"): 0.6, ("A", "C"): 0.4}


def test_a_longer_list_is_compared_block_by_block() -> None:
    generator = np.random.default_rng(1)
    templates = generator.normal(size=(3 * BLOCK_SUBJECTS, SIZE)).astype(np.float32)
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    keys = [f"S-{number}" for number in range(len(templates))]
    listed = Listed(LoadedList(Gallery.build(MODEL, SIZE, templates, keys), 1), threshold=0.95)
    pairs = listed.pairs
    while pairs.found().waiting:
        pairs.round()
    scores = templates @ templates.T
    expected = {
        SubjectPair.of(keys[one], keys[other])
        for one, other in zip(*np.nonzero(np.triu(scores, 1) >= 0.951), strict=True)
    }
    assert expected <= set(pairs.found().likeness)
