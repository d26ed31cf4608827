"""The cameras' streams, and the threads that embed captures and decide about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.capture.aiming import AimingService
from cekalwatch.server.capture.candidates import OrdersInForce
from cekalwatch.server.capture.chain_probe import PERIOD_S as PROBE_PERIOD_S
from cekalwatch.server.capture.chain_probe import ChainProbe
from cekalwatch.server.capture.database_health import DatabaseHealth
from cekalwatch.server.capture.deciding import AlertTiming, Decider
from cekalwatch.server.capture.exercises import ExerciseIntake, ExercisePassages, ExerciseSender
from cekalwatch.server.capture.passage_counters import PassageCounter, ScoreCounter
from cekalwatch.server.capture.passages import Passages
from cekalwatch.server.capture.policies import CameraPolicies
from cekalwatch.server.capture.precedence import CapturePrecedence
from cekalwatch.server.capture.processing import CaptureProcessor
from cekalwatch.server.capture.session import CaptureTerms
from cekalwatch.server.capture.sessions import CaptureSessions
from cekalwatch.server.capture.surveys import CameraSurveys
from cekalwatch.server.capture.unusable_faces import UnusableCounter
from cekalwatch.server.capture.watching import CameraWatches
from cekalwatch.server.cluster.jobs import PeriodicJob, at_stop
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.concurrency.priorities import Priority
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.presence import CameraPresence
from cekalwatch.server.grpc_api.servicers.cameras import CameraCalls
from cekalwatch.server.grpc_api.servicers.capture import CaptureCalls
from cekalwatch.server.recognition.crop_decoder import CropDecoder
from cekalwatch.server.recognition.engines.recogniser import RecogniserError
from cekalwatch.server.recognition.probes import CaptureEmbedder, Probe
from cekalwatch.server.storage.alerts.write_probe import ALERT_BYTES, WriteProbe
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.wiring.events import EventParts
from cekalwatch.server.wiring.gallery import GalleryParts
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context

DECIDE_BATCH = 64
COUNT_PASSAGES_PERIOD_S = 60.0
COUNT_SCORES_PERIOD_S = 60.0
COUNT_UNUSABLE_PERIOD_S = 2.0
"""Shorter than that of passages: people at the counter are told from these counts."""
FOLLOW_POLICIES_PERIOD_S = 2.0
SEND_EXERCISES_PERIOD_S = 1.0
SWEEP_WATCHES_PERIOD_S = 5.0
WRITES_PER_RECEIPT_DELAY = 4
"""The shortest time between two checks of the database's health while captures arrive."""


@dataclass(frozen=True)
class CaptureParts(Part):
    """The way of a capture from its camera to the decision."""

    cameras: tuple[Camera, ...]
    crops: CropDecoder
    sessions: CaptureSessions
    policies: CameraPolicies
    processor: CaptureProcessor
    health: DatabaseHealth
    decider: Decider
    chain: ChainProbe
    late_s: Callable[[], float]
    """How late an alert of what has waited longest would be, here or at a camera, seconds; 0 while none is late."""
    waiting: Callable[[], int]
    """How many captures wait to be embedded."""
    undecided: Callable[[], int]
    """How many wait to be decided."""

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loops that learn whether the database takes alerts, and whether captures get through."""
        return (
            LOOPS.keep("probe_database", self.health.write_expected),
            LOOPS.keep("probe_chain", self.chain.probe, PROBE_PERIOD_S),
        )


def init_capture(context: Context, search: GalleryParts, events: EventParts, presence: Presence) -> CaptureParts:
    """Start the threads."""
    settings, stores, stack, metrics = context.settings, context.stores, context.stack, context.metrics
    # One more than there are threads that embed, so that those keep none from an alert.
    crops = CropDecoder(settings.threads + 1, presence.ended_decoders)
    stack.callback(crops.close)
    counter = PassageCounter(stores.field)
    stack.callback(at_stop, "passages of the last minute", counter.write)
    unusable = UnusableCounter(stores.field)
    stack.callback(at_stop, "travellers without a usable face", unusable.write)
    cameras = {camera.camera_id: camera for camera in settings.cameras}
    intake = ExerciseIntake(stores.exercises)
    exercises = ExercisePassages(stores.alerts, context.clock, crops.probe, events.announce)
    scores = ScoreCounter(stores.scores, cameras, context.checkpoints, context.clock)
    timing = AlertTiming(
        timedelta(seconds=settings.grouping_window_seconds), timedelta(seconds=settings.late_after_seconds)
    )
    decider = Decider(
        lambda: search.snapshots.current,
        OrdersInForce(stores.watchlist, context.checkpoints),
        stores.alerts,
        context.clock,
        Passages(settings.passage_idle_seconds, ended=scores.ended),
        timing,
        crops.probe,
        events.announce,
        counter.begun,
        exercises,
        context.metrics,
    )
    deciding = BatchWorker(
        "decide",
        decider.decide,
        threads=1,
        most=DECIDE_BATCH,
        party=lambda face: face.capture.camera.camera_id,
        measure=metrics.batch("decide"),
    )
    stack.callback(deciding.close)
    embedding = BatchWorker(
        "embed",
        CaptureEmbedder(lambda: search.engines.engine.recogniser, crops, settings.threads).embed,
        threads=settings.threads + 1,
        most=search.engines.engine.inference.batch,
        party=lambda capture: capture.camera.camera_id,
        precedence=CapturePrecedence(context.clock, timing.late_after),
        unwell=(RecogniserError,),
        measure=metrics.batch("embed"),
        priority=Priority.RECOGNITION,
    )
    stack.callback(embedding.close)
    probe = WriteProbe(context.database, context.keys.keyring)

    def write(attempts: list[bool]) -> list[None]:
        for large in attempts:
            probe.write(ALERT_BYTES if large else 0)
        return [None] * len(attempts)

    writing = BatchWorker("write-probe", write, threads=1, most=1, measure=metrics.batch("write-probe"))
    stack.callback(writing.close)
    delay_s = settings.receipt_delay_seconds
    health = DatabaseHealth(writing.do, delay_s / WRITES_PER_RECEIPT_DELAY)
    processor = CaptureProcessor(embedding, deciding, health, delay_s, metrics.receipt)
    accepted, fanout = CaptureOutcome.ACCEPTED, events.fanout
    chain = ChainProbe(embedding, deciding, health, lambda: processor.outcomes[accepted], lambda: fanout.read_s)
    loop = asyncio.get_running_loop()

    def tell(policies: Mapping[str, CapturePolicy]) -> None:
        loop.call_soon_threadsafe(sessions.set_policies, policies)

    policies = CameraPolicies(stores.camera_policies, context.clock, settings.capture_policies, tell)
    terms = CaptureTerms(settings.credits, settings.heartbeat_period_seconds, settings.handshake_seconds)
    sessions = CaptureSessions(cameras, policies.in_force, terms, processor, presence, unusable, intake, context.clock)

    def late_s() -> float:
        beats = [one.heartbeat for one in presence.cameras.values() if one.streams and one.heartbeat]
        here_s = chain.late_s
        return max([here_s, *(one.outbox_age_s for one in beats)]) if here_s else 0.0

    def embedded(photograph: bytes) -> Probe:
        enroller = search.engines.enroller
        return Probe(enroller.model_version, enroller.enrol(photograph).template)

    sender = ExerciseSender(
        stores.exercises,
        intake,
        exercises,
        context.clock,
        context.actor,
        lambda: stores.look_setting.get().asked,
        embedded,
        lambda: sessions.players,
        lambda camera_id, request: loop.call_soon_threadsafe(sessions.play, camera_id, request),
    )
    return CaptureParts(
        tuple(cameras.values()),
        crops,
        sessions,
        policies,
        processor,
        health,
        decider,
        chain,
        late_s,
        lambda: embedding.waiting,
        lambda: deciding.waiting,
        served=(CaptureCalls(sessions).served(),),
        jobs=(
            PeriodicJob("follow_camera_policies", FOLLOW_POLICIES_PERIOD_S, policies.follow),
            PeriodicJob("send_exercises", SEND_EXERCISES_PERIOD_S, sender.work),
            PeriodicJob("count_passages", COUNT_PASSAGES_PERIOD_S, counter.write),
            PeriodicJob("count_unusable_faces", COUNT_UNUSABLE_PERIOD_S, unusable.write),
            PeriodicJob("count_scores", COUNT_SCORES_PERIOD_S, scores.write),
        ),
    )


@dataclass(frozen=True)
class CameraParts(Part):
    """The service for people who maintain cameras, which records who watched them."""

    watches: CameraWatches

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loop that records them."""
        return (self._record(),)

    async def _record(self) -> None:
        try:
            await LOOPS.keep("record_watches", self.watches.sweep, SWEEP_WATCHES_PERIOD_S)
        finally:
            await self.watches.end()


def init_cameras(
    context: Context,
    captures: CaptureParts,
    presence: Presence,
    trail: AuditTrail,
    whole: Callable[[], WholePresence],
) -> CameraParts:
    """Return the service; `whole` reads the presence of all servers."""

    def server_of(camera_id: str) -> str:
        known, server = whole().cameras.get(camera_id, (CameraPresence(), ""))
        return server if known.streams and server != context.settings.name else ""

    desk = AimingService(
        captures.sessions.pictures, server_of, captures.crops.aiming_picture, presence, trail, context.clock
    )
    cameras = {camera.camera_id: camera for camera in captures.cameras}
    surveys = CameraSurveys(context.stores.camera_surveys, context.clock)
    watches = CameraWatches(desk, trail, context.clock)
    calls = CameraCalls(cameras, captures.policies, desk, watches, surveys, context.foresight)
    return CameraParts(watches, served=calls.served())
