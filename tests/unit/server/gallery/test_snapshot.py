"""Probes and galleries of two model versions: never compared, and embedded again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import uuid6

from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.server.capture.candidates import OrdersInForce
from cekalwatch.server.capture.deciding import AlertTiming, Decider, EmbeddedCapture, OtherModelError
from cekalwatch.server.capture.exercises import ExercisePassages
from cekalwatch.server.capture.passages import Passages
from cekalwatch.server.capture.processing import CaptureProcessor
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.gallery.snapshot import SearchedModel, SnapshotHolder
from cekalwatch.server.recognition.crops import probe_jpeg
from cekalwatch.server.recognition.probes import Probe
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.alerts import capture
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import encoded, wall
from tests.support.builders.watchlist import FIXED_THRESHOLD, SIZE, WIB, FixedClock, order, reference, subject
from tests.support.scenarios.processing import nothing, open_processor

OLD, NEW = "old-00000000", "new-11111111"
CROP = encoded(wall(32, 32))


class Watching:
    """A decider before a list of one, whose template is in another place in the other model."""

    def __init__(self, database: Database) -> None:
        keys, clock = keyring(database), FixedClock()
        watchlist = WatchlistStore(database, keys)
        faces = [reference(b"one", direction=axis, model_version=model) for axis, model in ((1, OLD), (2, NEW))]
        for face in faces:
            watchlist.put(subject(), order(), [face])
        models = {model: SearchedModel(model, SIZE, lambda _: FIXED_THRESHOLD) for model in (OLD, NEW)}
        checkpoints = Checkpoints(Law(), {"batam-center": WIB})
        terms = TermsReader(watchlist, checkpoints)
        self._holder, self._models = SnapshotHolder(watchlist.templates, terms, clock, models[OLD]), models
        self.alerts = AlertStore(database, keys)
        self.decider = Decider(
            lambda: self._holder.current,
            OrdersInForce(watchlist, checkpoints),
            self.alerts,
            clock,
            Passages(60),
            AlertTiming(),
            lambda capture: probe_jpeg(capture.jpeg),
            lambda: None,
            lambda _: None,
            ExercisePassages(self.alerts, clock, lambda capture: probe_jpeg(capture.jpeg), lambda: None),
        )

    def change(self) -> None:
        """Change to the new model."""
        self._holder.take(self._models[NEW], self._holder.loaded(self._models[NEW]))


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield Watching(database)
    database.close()


def probe(model: str, axis: int) -> Probe:
    return Probe(model, np.eye(SIZE, dtype=np.float32)[axis])


def item(model: str, axis: int) -> EmbeddedCapture:
    return EmbeddedCapture(capture(capture_id=str(uuid6.uuid7()), jpeg=CROP), probe(model, axis))


def test_a_probe_of_the_other_model_is_not_compared_and_does_not_cost_its_batch(watching: Watching) -> None:
    watching.change()
    found = watching.decider.decide([item(NEW, 2), item(OLD, 2), item(NEW, 5)])
    assert [found[0], found[2]] == [CaptureOutcome.ACCEPTED] * 2
    assert isinstance(found[1], OtherModelError)
    assert watching.decider.alerts_raised == 1


def test_a_passage_is_not_fused_across_models(watching: Watching) -> None:
    """Of the old model's crops none counts, or the mean would be near nobody."""
    assert watching.decider.decide([item(OLD, 4)] * 3) == [CaptureOutcome.ACCEPTED] * 3
    watching.change()
    assert watching.decider.decide([item(NEW, 2)]) == [CaptureOutcome.ACCEPTED]
    (event,) = watching.alerts.events_after(0, 10)
    (sighting,) = watching.alerts.get(event.alert_id).sightings
    assert sighting.fused_crops == 1
    assert sighting.score == pytest.approx(1, abs=1e-3)


@asynccontextmanager
async def processor(watching: Watching, models: list[str]) -> AsyncIterator[CaptureProcessor]:
    """A processor whose embedder uses these models, one after another, and the last one from then on."""
    used = iter(models)

    def embed(captures: list[Capture]) -> list[Probe]:
        return [probe(next(used, models[-1]), 2) for _ in captures]

    async with open_processor(embed, watching.decider.decide) as way:
        yield way


async def test_a_capture_that_was_under_way_is_embedded_again(watching: Watching) -> None:
    watching.change()
    async with processor(watching, [OLD, NEW]) as way:
        receipt = await way.process(capture(capture_id=str(uuid6.uuid7()), jpeg=CROP), nothing)
    assert receipt.outcome is CaptureOutcome.ACCEPTED
    assert watching.decider.alerts_raised == 1


async def test_a_capture_that_never_meets_its_model_is_sent_again(watching: Watching) -> None:
    watching.change()
    async with processor(watching, [OLD]) as way:
        receipt = await way.process(capture(capture_id=str(uuid6.uuid7()), jpeg=CROP), nothing)
    assert (receipt.outcome, receipt.reason) == (CaptureOutcome.RETRY, Code.SERVER_BUSY)
