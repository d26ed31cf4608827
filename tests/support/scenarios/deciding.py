"""A departure counter whose captures are decided, and the list that is searched there; faces are made-up templates."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import numpy as np
import uuid6
from numpy.typing import NDArray

from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.server.capture.candidates import OrdersInForce
from cekalwatch.server.capture.deciding import AlertTiming, Decider, EmbeddedCapture
from cekalwatch.server.capture.exercises import ExercisePassages
from cekalwatch.server.capture.passages import Passages, PassageScore
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.gallery.snapshot import SearchedModel, SnapshotHolder
from cekalwatch.server.recognition.crops import probe_jpeg
from cekalwatch.server.recognition.probes import Probe
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.alerts import LIKENESS, capture
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import encoded, wall
from tests.support.builders.watchlist import FIXED_THRESHOLD, MODEL, SIZE, WIB, FixedClock, order, reference, subject

ENDED = {"valid_until": date(2026, 2, 1)}
FOREIGN = {"kind": OrderKind.TANGKAL, "valid_until": date(2027, 1, 1)}
CROP = encoded(wall(32, 32))


MADE_UP = SearchedModel(MODEL, SIZE, lambda _: FIXED_THRESHOLD, LIKENESS)


class DecidingCounter:
    """A departure counter of one server, and the list that is searched there."""

    def __init__(self, database: Database, model: SearchedModel = MADE_UP) -> None:
        keys, clock = keyring(database), FixedClock()
        checkpoints = Checkpoints(Law(), {"batam-center": WIB})
        self.watchlist, self.alerts = WatchlistStore(database, keys), AlertStore(database, keys)
        self.holder = SnapshotHolder(
            self.watchlist.templates,
            TermsReader(self.watchlist, checkpoints),
            clock,
            model,
        )
        self.model = model
        orders = OrdersInForce(self.watchlist, checkpoints)
        self.clock, self.ended = clock, list[tuple[str, PassageScore]]()
        self.begun: list[Capture] = []
        passages = Passages(60, ended=lambda *one: self.ended.append(one))
        self.exercises = ExercisePassages(self.alerts, clock, lambda capture: probe_jpeg(capture.jpeg), lambda: None)
        self.decider = Decider(
            lambda: self.holder.current,
            orders,
            self.alerts,
            clock,
            passages,
            AlertTiming(),
            lambda capture: probe_jpeg(capture.jpeg),
            lambda: None,
            self.begun.append,
            self.exercises,
        )

    def listed(self, key: str, likeness: float, **facts: object) -> None:
        """List somebody whose comparison score with the traveller will be `likeness`."""
        self.listed_face(key, like(likeness), **facts)

    def listed_face(self, key: str, template: NDArray[np.float32], **facts: object) -> None:
        """List somebody with this template."""
        face = reference(key.encode(), template=template, model_version=self.model.model_version)
        self.watchlist.put(subject(key, nationality="DEU"), order(f"O-{key}", subject_id=key, **facts), [face])

    def sees(self, *faces: NDArray[np.float32], passage: str = "1", probe: Capture | None = None) -> None:
        """Decide crops of one track with these templates; `probe` is their capture, otherwise each has its own."""
        self.holder.follow()
        for template in faces:
            seen = probe or capture(passage=passage, jpeg=CROP)
            (outcome,) = self.decider.decide([EmbeddedCapture(seen, Probe(self.model.model_version, template))])
            assert outcome is CaptureOutcome.ACCEPTED

    def raised(self) -> list[Alert]:
        """Return the alerts, the oldest first."""
        events = self.alerts.events_after(0, 100)
        return [self.alerts.get(alert_id) for alert_id in dict.fromkeys(event.alert_id for event in events)]

    def alerts_on(self, passage: str, *scores: float) -> list[UUID]:
        """The alert of each crop of a passage whose comparison scores with the listed person are `scores`."""
        self.holder.follow()
        found: list[UUID] = []
        for score in scores:
            seen = capture(passage=passage, capture_id=str(uuid6.uuid7()), jpeg=CROP)
            self.sees(like(score), probe=seen)
            found += [one.alert_id for one in self.alerts.events_after(0, 100) if one.capture_id == seen.capture_id]
        return found

    def named(self) -> list[str]:
        """Who the alert about a traveller names, the most similar first; nobody without an alert."""
        self.sees(like(1))
        return [one.subject_id for alert in self.raised() for one in alert.candidates]


def like(score: float) -> NDArray[np.float32]:
    """Make the template of a face whose comparison score with the first axis is `score`."""
    template = np.zeros(SIZE, np.float32)
    template[:2] = score, (1 - score**2) ** 0.5
    return template


def person(number: int, turned: float = 0.0) -> NDArray[np.float32]:
    """Make the template of one of four people, who are not alike at all, turned by an angle, degrees."""
    template = np.zeros(SIZE, np.float32)
    template[2 * number : 2 * number + 2] = np.cos(np.radians(turned)), np.sin(np.radians(turned))
    return template
