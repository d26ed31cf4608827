"""A port whose threshold learns: its cameras, the people who pass them, and officers who settle its alerts.

Scores are drawn, and everything that counts, keeps and moves is the product's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.thresholds import Threshold
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.capture.passage_counters import ScoreCounter
from cekalwatch.server.capture.passages import PassageScore
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.gallery.snapshot import SearchedModel, SnapshotHolder
from cekalwatch.server.gallery.threshold import ThresholdRule, ThresholdSetting
from cekalwatch.server.gallery.threshold_learning import LearningSite, LearningStores, ThresholdLearner
from cekalwatch.server.learning.learned_threshold import LearnedThreshold, LearningBounds
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.threshold_store import ScoreStore, ThresholdStore
from cekalwatch.vision.manifest import ColourOrder, DetectorKind, DetectorSpec, EngineKind, Pack, RecogniserSpec
from cekalwatch.vision.thresholds import Provenance, ThresholdModel
from tests.support.builders.alerts import capture, match
from tests.support.builders.watchlist import MODEL, SIZE, WIB, FixedClock, order, reference, subject
from tests.support.scenarios.adjudication import Counter
from tests.support.scenarios.people import ADMINISTRATION, TOGETHER

LISTED = 4
WANTED = 1e-2
PACK = Pack(
    folder=Path(),
    name="test",
    version="1",
    licence="none",
    engine=EngineKind.ONNXRUNTIME,
    detector=DetectorSpec(DetectorKind.YUNET, ()),
    recogniser=RecogniserSpec("recogniser", SIZE, ColourOrder.RGB, 127.5, 127.5),
    thresholds=ThresholdModel(
        LISTED, 0.35, 0.05, 0.04, 0.0, Provenance("LFW", MODEL, "2026-01-01", 1_000, 2_000, 3, "0.1.0")
    ),
    likeness=None,
    sha256={"recogniser": "0" * 64},
)


FOUR: NDArray[np.float32] = np.eye(SIZE, dtype=np.float32)[:LISTED]


class Passers:
    """People whose best score against a list is a Gumbel variable."""

    def __init__(self, above_the_pack: float, spread: float = 0.04, seed: int = 1) -> None:
        """At the pack's threshold for a list of `LISTED`, they alert as those do who score so much higher."""
        self.middle = 0.35 + 0.04 * math.log(0.05) + above_the_pack
        self.spread = spread
        self.dice = np.random.default_rng(seed)

    def scores(self, number: int) -> NDArray[np.float64]:
        return np.clip(self.middle + self.dice.gumbel(0, self.spread, number), -1, 0.99)

    def fpir(self, threshold: float) -> float:
        return -math.expm1(-math.exp((self.middle - threshold) / self.spread))


def accept_waiting(thresholds: ThresholdStore, clock: Clock, model_version: str) -> None:
    """Two people accept the threshold that waits for them, if one does."""
    learned = thresholds.learned(model_version)
    if learned and learned.waiting is not None:
        setting = ThresholdSetting(thresholds, clock, lambda: model_version)
        setting.accept_learned(learned.waiting, TOGETHER, ADMINISTRATION)


class LearningPort:
    """It opens on 1 March 2026 with `cameras` for departures, and with four listed people or those of `templates`."""

    def __init__(
        self,
        database: Database,
        cameras: int,
        bounds: LearningBounds = LearningBounds(),  # noqa: B008  # frozen
        pack: Pack = PACK,
        templates: NDArray[np.float32] = FOUR,
        wanted: float = WANTED,
    ) -> None:
        """`templates` (n, size) are of the pack's model, one a listed person; `wanted` is the promised FPIR."""
        model, self._listed = pack.model_version, len(templates)
        self._model = pack.score_version
        self.clock = FixedClock()
        self.desk = Counter(database, self.clock)
        self.officer = self.desk.hire("ani", PersonRole.OFFICER)
        for number, template in enumerate(templates):
            photograph = reference(number.to_bytes(2, "big"), template=template, model_version=model)
            key = f"S-{number}"
            self.desk.watchlist.put(subject(key), order(f"O-{key}", subject_id=key), [photograph])
        self.cameras = {
            name: Camera(name, "batam-center", f"D{number}", Direction.DEPARTURE)
            for number in range(cameras)
            for name in [f"dep-{number}"]
        }
        checkpoints = Checkpoints(Law(), {"batam-center": WIB})
        self.thresholds, self.scores = ThresholdStore(database), ScoreStore(database)
        self.rule = ThresholdRule(self.thresholds, self._model, pack.decision_thresholds, wanted, None, bounds)
        store = self.desk.watchlist.templates
        self.holder = SnapshotHolder(
            store,
            TermsReader(self.desk.watchlist, checkpoints),
            self.clock,
            SearchedModel(model, pack.recogniser.size, self.rule.now, cohort=pack.cohort),
        )
        self.counter = ScoreCounter(self.scores, self.cameras, checkpoints, self.clock)
        self.learner = ThresholdLearner(
            LearningStores(self.thresholds, self.scores, FieldStore(database), store),
            LearningSite("batam-center", cameras, wanted, bounds),
            checkpoints,
            self.clock,
            Actor(ActorKind.SERVER, "test"),
            lambda: self.holder.current,
            lambda: pack,
        )
        self._passages = 0

    @property
    def decision(self) -> Threshold:
        """What is in force."""
        return self.holder.current.decision

    @property
    def learned(self) -> LearnedThreshold | None:
        return self.thresholds.learned(self._model)

    def lists_twice(self, scores: Sequence[float]) -> None:
        """List one more subject for each score, with two photographs that score so with each other."""
        for number, score in enumerate(scores):
            key, second = f"T-{number}", np.zeros(SIZE, dtype=np.float32)
            second[:2] = score, math.sqrt(1 - score**2)
            photographs = [
                reference(
                    f"{key} {place}".encode(),
                    template=template,
                    model_version=self.holder.current.gallery.model_version,
                )
                for place, template in enumerate((np.eye(SIZE, dtype=np.float32)[0], second))
            ]
            self.desk.watchlist.put(subject(key), order(f"O-{key}", subject_id=key), photographs)
        self.holder.follow()

    def passes(self, camera: str, scores: NDArray[np.float64], *, settled: bool = True) -> None:
        """Let somebody who is not listed pass `camera` for each score; an officer clears what alerts."""
        for score in scores.tolist():
            self._passages += 1
            threshold = self.decision.value
            self.counter.ended(camera, PassageScore(score, score >= threshold, self._listed, self._model))
            if score >= threshold:
                self._alert(camera, score, threshold, settled=settled)

    def _alert(self, camera: str, score: float, threshold: float, *, settled: bool) -> None:
        now = self.clock.now()
        seen = capture(
            camera=self.cameras[camera], passage=str(self._passages), at=now + timedelta(milliseconds=self._passages)
        )
        found = replace(match(seen, subject="S-0", score=score), threshold=threshold, model_version=self._model)
        event = self.desk.alerts.record(found, timedelta(0), now)
        assert event is not None
        if settled:
            self.desk.claim(event.alert_id, self.officer)
            self.desk.judge(event.alert_id, self.officer, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)

    def look(self) -> None:
        """Do what a server does regularly."""
        self.counter.write()
        self.learner.learn()
        self.holder.follow()

    def accept(self) -> None:
        """Two people accept the threshold that waits for them, if one does."""
        accept_waiting(self.thresholds, self.clock, self._model)
        self.holder.follow()

    def day(self, passers: Mapping[str, NDArray[np.float64]]) -> None:
        """Let a day pass, with these scores at each camera, and a look at the end of each quarter of it."""
        for part in range(4):
            for camera, scores in passers.items():
                self.passes(camera, np.array_split(scores, 4)[part])
            self.look()
        self.clock.advance(timedelta(days=1))
