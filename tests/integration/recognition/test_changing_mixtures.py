"""A threshold that follows real faces while those who pass change: people like the pack's first, then South Asian ones.

Only capture stream and search are left out: templates are real ones, and everything that counts, fits and moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cekalwatch.contract.values.thresholds import ThresholdSource
from cekalwatch.evaluation.collection import LabelledPhotograph
from cekalwatch.evaluation.samples import FaceTemplates
from cekalwatch.evaluation.templates import TemplateCache, TemplateMaker
from cekalwatch.server.learning.learned_threshold import LearningBounds
from cekalwatch.server.recognition.packs.installed import open_detector, open_engine
from cekalwatch.server.storage.database import Database
from cekalwatch.vision.manifest import load_pack
from tests.support.builders.keys import open_keys
from tests.support.scenarios.learning import WANTED, LearningPort
from tests.support.tools.packs import light_pack
from tests.support.tools.shared import shared_faces

LISTED_OF_GROUP, PASSING_OF_GROUP, LFW = 5, 12, 96
A_DAY = 480
WINDOW = 3
SAME_PHOTOGRAPH = 0.8

Scores = NDArray[np.float64]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    open_keys(database)
    yield database
    database.close()


def templates(paths: Sequence[Path], *, listed: bool = False) -> NDArray[np.float32]:
    """The templates of the photographs with a face, shape (n, 512)."""
    pack = load_pack(light_pack())
    maker = TemplateMaker(
        lambda: open_detector(pack, 1), open_engine(pack, threads=1).recogniser, TemplateCache(), threads=2
    )
    samples = maker.samples((LabelledPhotograph(path, path.name, str(path)), listed) for path in paths)
    found = [one.result for one in samples if isinstance(one.result, FaceTemplates)]
    return np.array([one.reference if listed else one.probe for one in found])


def fpir(scores: Scores, threshold: float) -> float:
    return float((scores >= threshold).mean())


@pytest.mark.slow
def test_the_threshold_follows_real_faces_while_those_who_pass_change(database: Database):
    groups = [sorted(group.glob("*.jpg")) for group in sorted((shared_faces() / "southasian").glob("*/*"))]
    known = templates([path for group in groups for path in group[:LISTED_OF_GROUP]], listed=True)
    passing = [path for group in groups for path in group[LISTED_OF_GROUP : LISTED_OF_GROUP + PASSING_OF_GROUP]]
    people = sorted((shared_faces() / "lfw").iterdir())[:LFW]
    near, far = (
        scores[scores < SAME_PHOTOGRAPH]
        for scores in (
            (templates(paths) @ known.T).max(axis=1).astype(np.float64)
            for paths in ([min(person.glob("*.jpg")) for person in people], passing)
        )
    )
    port = LearningPort(database, 4, LearningBounds(window_days=WINDOW), load_pack(light_pack()), known)
    packs, dice = port.decision.value, np.random.default_rng(1)

    def days(share: float, number: int) -> float:
        """Let days pass with that share of South Asian people, and return the threshold after them."""
        for _ in range(number):
            today = [dice.choice(far if one < share else near) for one in dice.random(A_DAY)]
            port.day(dict(zip(port.cameras, np.array_split(np.array(today), len(port.cameras)), strict=True)))
            port.accept()
        port.look()
        return port.decision.value

    few, half, most, few_again = days(0.0, 2), days(0.5, 4), days(1.0, WINDOW), days(0.0, WINDOW + 2)
    assert port.decision.source is ThresholdSource.LEARNED
    assert few < packs, "these people of LFW are less alike than the pack's"
    assert fpir(far, few) > 10 * WANTED
    assert fpir(near, few) <= 2 * WANTED + 1 / len(near)
    assert half > few + 0.05
    assert fpir(far, most) <= 2 * WANTED + 1 / len(far)
    assert few_again == pytest.approx(few, abs=0.025), "it comes back with them"
