"""What cameras send: their streams, and the threads that embed captures and decide about them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from cekalwatch.server.alerting.deciding import AlertTiming, Decider
from cekalwatch.server.alerting.order_book import OrderBook
from cekalwatch.server.alerting.passage_counting import PassageCounter
from cekalwatch.server.alerting.watch import Checkpoints
from cekalwatch.server.composition.housekeeping import Chore, at_stop
from cekalwatch.server.composition.search import Search
from cekalwatch.server.composition.stores import Stores
from cekalwatch.server.config import ServerSettings
from cekalwatch.server.domain.cameras import Camera
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.passages import Passages
from cekalwatch.server.presence import Presence
from cekalwatch.server.recognition.batches import BatchWorker
from cekalwatch.server.recognition.embedding import CaptureEmbedder
from cekalwatch.server.recognition.intake import Intake
from cekalwatch.server.recognition.session import CaptureSessions, SessionTerms

EMBED_BATCH = 4
DECIDE_BATCH = 64
COUNT_PASSAGES_PERIOD_S = 60.0


@dataclass(frozen=True)
class Captures:
    """The way of a capture from its camera to the decision."""

    cameras: tuple[Camera, ...]
    sessions: CaptureSessions
    intake: Intake
    decider: Decider
    waiting: Callable[[], int]
    """How many captures wait to be embedded."""
    chores: tuple[Chore, ...]

    @classmethod
    def open(
        cls,
        settings: ServerSettings,
        stores: Stores,
        search: Search,
        announce: Callable[[], None],
        presence: Presence,
        checkpoints: Checkpoints,
        clock: Clock,
        stack: ExitStack,
    ) -> Self:
        """Start the threads; `announce` is called after the commit of an alert event."""
        counter = PassageCounter(stores.field)
        stack.callback(at_stop, "passages of the last minute are not counted", counter.write)
        decider = Decider(
            search.watch.current,
            OrderBook(stores.watchlist, checkpoints),
            stores.alerts,
            clock,
            Passages(settings.passage_idle_s),
            AlertTiming(timedelta(seconds=settings.grouping_window_s), timedelta(seconds=settings.late_after_s)),
            announce,
            counter.begun,
        )
        deciding = BatchWorker(
            "decide", decider.decide, threads=1, most=DECIDE_BATCH, party=lambda face: face.capture.camera.camera_id
        )
        stack.callback(deciding.close)
        embedding = BatchWorker(
            "embed",
            CaptureEmbedder(search.engines.recogniser).embed,
            threads=settings.threads,
            most=EMBED_BATCH,
            party=lambda capture: capture.camera.camera_id,
        )
        stack.callback(embedding.close)
        intake = Intake(embedding, deciding)
        cameras = {entry.camera_id: entry.camera() for entry in settings.cameras}
        terms = SessionTerms(
            settings.credits, settings.heartbeat_period_s, settings.handshake_s, settings.capture_policy
        )
        return cls(
            tuple(cameras.values()),
            CaptureSessions(cameras, terms, intake, presence),
            intake,
            decider,
            lambda: embedding.waiting,
            ((COUNT_PASSAGES_PERIOD_S, counter.write),),
        )
