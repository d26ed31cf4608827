"""The vision thread: takes frames from the source, and puts captures of the best crops into the outbox."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from cekalwatch.camera.detection.best_shot import BestShots
from cekalwatch.camera.detection.colours import colours_of
from cekalwatch.camera.detection.exercise_player import ExercisePlayer
from cekalwatch.camera.detection.following import Following
from cekalwatch.camera.detection.motion_gate import WHOLE, Look, MotionGate
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.detection.travellers import Travellers, apparent_eye_distance
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.sources.frames import Frame, FrameSource
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.view.aiming import AimingPictures
from cekalwatch.camera.view.monitor import ViewMonitor
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.contract.values.unusable_faces import UnusablePassage
from cekalwatch.vision.faces import Face, FaceDetector, PartialDetector
from cekalwatch.vision.quality import measure
from cekalwatch.vision.region import Region
from cekalwatch.wire.backoff import Backoff

FAR: Final = 0.7
"""A face with less than this part of the policy's eye distance is not fit before the next look."""

log = structlog.get_logger()


class Pipeline:
    """From the source to the outbox."""

    def __init__(
        self,
        source: FrameSource,
        detector: FaceDetector,
        tracker: Tracker,
        outbox: Outbox,
        statistics: CameraStatistics,
        *,
        detect_every: int = 1,
        view: ViewMonitor | None = None,
        region: Region | None = None,
        whole_every_s: float = 0.0,
        aiming: AimingPictures | None = None,
        tell_unusable: Callable[[UnusablePassage], object] = lambda _: None,
        exercises: ExercisePlayer | None = None,
    ) -> None:
        """Search for faces in one of `detect_every` frames, in the part `region`, to which `detector` is limited too.

        `whole_every_s`: see MotionGate, for a `PartialDetector`; others search the whole picture each time.

        `view`: given for a camera that can be turned; `aiming`: receives frames for aiming the camera; `tell_unusable`:
        receives travellers without a usable face; `exercises` are played between travellers.
        """
        self._source = source
        self._detector = detector
        self._tracker = tracker
        self._best_shots = BestShots(CapturePolicy())
        self._travellers = Travellers()
        self._tell_unusable = tell_unusable
        self._outbox = outbox
        self._statistics = statistics
        self._detect_every = detect_every
        self._view = view or ViewMonitor()
        self._aiming = aiming
        self._exercises = exercises
        self._partial = detector if isinstance(detector, PartialDetector) else None
        self._following = Following()
        self._motion_gate = MotionGate(region, whole_every_s=whole_every_s if self._partial else 0.0)
        self._sent_tracks: set[int] = set()
        """Tracks of which a crop was sent."""

    def set_policy(self, policy: CapturePolicy) -> None:
        """Obey `policy` from the next face on; from any thread."""
        self._best_shots.policy = policy

    def start(self, thread_name: str) -> asyncio.Future[None]:
        """Start `run` in a thread of its own; the future ends with it, and raises its error.

        It is a daemon thread: asyncio's own threads are for short work, and the program waits for them at its end.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def run() -> None:
            try:
                self.run()
            except BaseException as error:  # noqa: BLE001  # it is raised where the future is awaited
                end = partial(done.set_exception, error)
            else:
                end = partial(done.set_result, None)
            # The loop is closed already when the thread outlived the program's end.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(end)

        context = contextvars.copy_context()  # the log names the camera
        threading.Thread(target=lambda: context.run(run), name=thread_name, daemon=True).start()
        return done

    def run(self) -> None:
        """Work until the source ends or `stop` is called. Raises SourceError."""
        failures = Backoff(first_s=0.5, most_s=30.0)
        skip_until_s = 0.0
        for number, frame in enumerate(self._source):
            if number % self._detect_every or frame.at_s < skip_until_s:
                continue
            self._statistics.begin_frame()
            try:
                self._process(frame)
            except Exception:  # a picture that cannot be looked at must not end months of watching
                if not self._source.endless:
                    raise
                # A pause, so that the log is not filled.
                pause_s = failures.next_delay_s()
                log.exception("frame_failed", next_in_s=round(pause_s, 1))
                skip_until_s = frame.at_s + pause_s
            else:
                failures.reset()
            finally:
                self._statistics.end_frame()
        self._end(self._tracker.end())

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._source.close()
        self._outbox.close()

    def _process(self, frame: Frame) -> None:
        self._view.see(frame.picture, frame.at_s)
        self._statistics.note_view(self._view.state)
        if self._aiming:
            self._aiming.see(frame, away=self._view.away)
        faces = 0
        if self._view.away:
            # Pictures during a turn belong to no counter, and people who were in view have left it.
            left = self._tracker.end()
            self._travellers.forget(left)
            self._end(left)
        elif look := self._motion_gate.wants(frame.picture, frame.at_s):
            faces = self._look(frame, look)
        if self._exercises and self._exercises.wanted:
            in_view = bool(faces or self._tracker.alive or self._view.away)
            self._exercises.see(frame, self._best_shots.policy, in_view=in_view)
        self._statistics.count_frame(self._best_shots.passages, faces, frame.captured_at, under_way=self._tracker.alive)

    def _look(self, frame: Frame, look: Look) -> int:
        """Find faces, and put the crops to send into the outbox; return the number of faces."""
        height, width = frame.picture.shape[:2]
        found = self._found_in_parts(frame, look)
        if found is None:
            look, found = WHOLE, self._detector.detect(frame.picture)
        colours = [colours_of(frame.picture, face) for face in found]
        update = self._tracker.update(found, colours, (width, height), frame.at_s)
        if found:
            self._view.face_seen(frame.at_s)
        self._end(update.ended)
        for track, face in zip(update.tracks, found, strict=True):
            quality = self._travellers.look(track, frame, face, self._best_shots.policy)
            if self._best_shots.wants(track, face):
                quality = quality or measure(frame.picture, face)
                capture = self._best_shots.offer(track, frame, face, quality)
                if capture:
                    self._put(capture)
                    self._sent_tracks.add(track)
        if look is WHOLE:
            self._following.searched(update.tracks, found)
        else:
            self._following.followed(update.tracks, found, self._tracker)
        known = self._following.known
        settled = all(self._is_settled(track, face) for track, face in known.items())
        self._motion_gate.looked(frame.picture, frame.at_s, known.values(), look, all_known=settled)
        return len(found)

    def _found_in_parts(self, frame: Frame, look: Look) -> list[Face] | None:
        """Return the faces found by a look at parts of the frame; None if all of it has to be searched."""
        if look is WHOLE or self._partial is None:
            return None
        if any(self._is_doubtful(track, face) for track, face in self._following.known.items()):
            return None
        return self._following.look(self._partial, frame, look, self._tracker, self._is_settled)

    def _is_settled(self, track: int, face: Face) -> bool:
        """Whether a crop of the track was sent, or its face is too far away to be fit before the next look."""
        least = FAR * self._best_shots.policy.min_eye_distance_px
        return track in self._sent_tracks or apparent_eye_distance(face) < least

    def _is_doubtful(self, track: int, face: Face) -> bool:
        """Whether a search may be so sure of the face now that a crop of it can be sent."""
        return face.score < self._best_shots.policy.min_detector_score and not self._is_settled(track, face)

    def _end(self, tracks: tuple[int, ...]) -> None:
        for track in tracks:
            if unusable := self._travellers.end(track, sent=track in self._sent_tracks):
                self._tell_unusable(unusable)
            for capture in self._best_shots.end(track):
                self._put(capture)
        self._sent_tracks.difference_update(tracks)

    def _put(self, capture: FaceCapture) -> None:
        if self._source.can_wait:
            # A file waits for the server rather than lose crops; a camera cannot.
            self._outbox.wait_for_room()
        self._statistics.count_crop(len(capture.jpeg))
        self._outbox.put(capture)
