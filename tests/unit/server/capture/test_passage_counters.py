"""How passages that are over are counted: what is kept of them, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from cekalwatch.server.capture.passage_counters import MIN_GATHERED, ScoreCounter
from cekalwatch.server.capture.passages import Passages, PassageScore
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.learning.score_counts import bin_of
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.models.threshold_store import ScoreStore
from tests.support.builders.alerts import ARRIVAL, DEPARTURE
from tests.support.builders.keys import open_keys
from tests.support.builders.watchlist import MODEL, WIB, FixedClock
from tests.support.tools.disk_search import everything_written

NOBODY = np.eye(2, dtype=np.float32)[0]
CAMERAS = {camera.camera_id: camera for camera in (DEPARTURE, ARRIVAL)}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    open_keys(database)
    yield database
    database.close()


def counter(database: Database, clock: FixedClock | None = None) -> ScoreCounter:
    checkpoints = Checkpoints(Law(), {"batam-center": WIB})
    return ScoreCounter(ScoreStore(database), CAMERAS, checkpoints, clock or FixedClock())


def scored(best: float, *, reached: bool = False, templates: int = 400, model: str = MODEL) -> PassageScore:
    return PassageScore(best, reached, templates, model)


def test_passages_are_written_some_at_a_time_and_only_as_numbers(database: Database, tmp_path: Path):
    counting = counter(database)
    for _ in range(MIN_GATHERED - 1):
        counting.ended(DEPARTURE.camera_id, scored(0.31))
    before = everything_written(tmp_path)
    counting.write()
    assert everything_written(tmp_path) == before, "nothing tells of the few that have passed"
    counting.ended(DEPARTURE.camera_id, scored(0.9, reached=True))
    counting.write()
    (row,) = ScoreStore(database).since("", MODEL)
    assert (row.key.day, row.key.camera_id, row.key.site) == ("2026-03-01", "dep-1", "batam-center")
    assert row.below[bin_of(0.31)] == row.below.sum() == MIN_GATHERED - 1
    assert row.reached == 1, "of what reached the threshold there is no score"


def test_each_camera_gathers_for_itself(database: Database):
    counting = counter(database)
    for _ in range(MIN_GATHERED - 1):
        counting.ended(DEPARTURE.camera_id, scored(0.3))
        counting.ended(ARRIVAL.camera_id, scored(0.3))
        counting.ended("unknown", scored(0.3))
        counting.ended("unknown", scored(0.3))
    counting.write()
    assert ScoreStore(database).since("", MODEL) == []


def test_the_few_of_a_quiet_day_count_with_those_of_the_next(database: Database):
    clock = FixedClock(datetime(2026, 3, 1, 16, 30, tzinfo=UTC))  # 23:30 in Batam
    counting = counter(database, clock)
    counting.ended(DEPARTURE.camera_id, scored(0.3))
    counting.write()
    clock.advance(timedelta(hours=1))
    for _ in range(MIN_GATHERED - 1):
        counting.ended(DEPARTURE.camera_id, scored(0.3))
    counting.write()
    (row,) = ScoreStore(database).since("", MODEL)
    assert (row.key.day, row.passages) == ("2026-03-02", MIN_GATHERED)


def test_counts_that_cannot_be_written_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch):
    counting = counter(database)
    for _ in range(MIN_GATHERED):
        counting.ended(DEPARTURE.camera_id, scored(0.3))

    def fail(*_: object) -> None:
        raise StorageError("away")

    with monkeypatch.context() as broken:
        broken.setattr(ScoreStore, "add", fail)
        with pytest.raises(StorageError):
            counting.write()
    counting.ended(DEPARTURE.camera_id, scored(0.4))
    counting.write()
    (row,) = ScoreStore(database).since("", MODEL)
    assert row.passages == MIN_GATHERED + 1


def test_a_passage_counts_once_it_is_over_with_its_best_score():
    ended: list[tuple[str, PassageScore]] = []
    passages = Passages(idle_s=60, most_each=2, ended=lambda *one: ended.append(one))
    noon = FixedClock().now()
    passage = passages.at("dep-1", "1", noon).add(str(uuid4()), NOBODY, 0.5, None).passage
    for best, reached in ((0.2, False), (0.6, True), (0.4, False)):
        passage.score = scored(best, reached=reached).after(passage.score)
    assert not ended
    passages.at("arr-1", "1", noon + timedelta(seconds=61))
    assert ended == [("dep-1", scored(0.6, reached=True))]
    for key in "123":
        track = passages.at("dep-1", key, noon + timedelta(seconds=62))
        track.add(str(uuid4()), NOBODY, 0.5, None).passage.score = scored(0.1)
    assert ended[1:] == [("dep-1", scored(0.1))], "one that others push out is over too"
    passages.clear()
    assert len(ended) == 2, "what was searched for with another model is not counted"


def test_scores_of_two_models_are_not_held_against_each_other():
    assert scored(0.2).after(scored(0.9, model="other")) == scored(0.2)
