"""The vision thread: takes frames from the source, and puts captures of the best crops into the outbox."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray

from cekalwatch.camera.detection.best_shot import BestShots
from cekalwatch.camera.detection.colours import colours_of
from cekalwatch.camera.detection.exercise_player import ExercisePlayer
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.detection.travellers import Travellers
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.sources.frames import Frame, FrameSource
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.view.aiming import AimingPictures
from cekalwatch.camera.view.monitor import ViewMonitor
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.contract.values.unusable_faces import UnusablePassage
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from cekalwatch.vision.quality import measure
from cekalwatch.vision.region import Region
from cekalwatch.wire.backoff import Backoff

IDLE_S: Final = 1.0
"""Maximum time between two searches in a scene without motion: a face may have been missed."""
KNOWN_S: Final = 0.12
"""Time between two searches while a crop of everybody in view was sent: every second frame at 15 a second."""
WIDTH: Final = 160
"""Of the small picture; faces that are fit for the server are 8 or more of its pixels wide."""
MIN_CHANGE: Final = 8
"""Grey levels by which a pixel of the small picture has changed when something moved. Noise is averaged away in it."""
MIN_CHANGED: Final = 3
"""Pixels of the small picture that must have changed."""
AROUND: Final = 1.0
"""What moves within this many face widths around a known face, or below it, counts as that person."""


class MotionGate:
    """Decides which frames of one camera are searched for faces: all while something changes, few while nothing moves.

    It compares small grey pictures, which costs a twentieth of a search. Owned by one thread.
    """

    def __init__(self, region: Region | None = None) -> None:
        """`region`: only what moves there counts."""
        self._region = region
        self._seen: NDArray[np.uint8] | None = None
        """The small picture at the last search."""
        self._mask: NDArray[np.bool_] | None = None
        """Places without a known face at the last search."""
        self._searched_s = -np.inf
        self._anybody = self._all_known = False

    def wants(self, picture: Picture, at_s: float) -> bool:
        """Return whether to search the frame at `at_s`. If so, `searched` must follow."""
        passed_s = at_s - self._searched_s
        if passed_s >= IDLE_S or self._seen is None or self._mask is None:
            return True
        if self._anybody and (not self._all_known or passed_s >= KNOWN_S):
            return True
        small = self._small(picture)
        if small.shape != self._seen.shape:
            return True
        changed = (cv2.absdiff(small, self._seen) >= MIN_CHANGE) & self._mask
        return int(np.count_nonzero(changed)) >= MIN_CHANGED

    def searched(self, picture: Picture, at_s: float, faces: Iterable[Face], *, all_known: bool) -> None:
        """Record the found faces; `all_known`: whether a crop of each face's track was sent."""
        self._searched_s = at_s
        self._seen = self._small(picture)
        self._mask = np.ones(self._seen.shape, bool)
        self._anybody, self._all_known = False, all_known
        scale = self._seen.shape[1] / self._width(picture)
        left, top = self._corner(picture)
        for face in faces:
            self._anybody = True
            around = AROUND * face.width
            columns = slice(_index(face.left - left - around, scale), _index(face.right - left + around, scale) + 1)
            self._mask[_index(face.top - top - around, scale) :, columns] = False

    def _small(self, picture: Picture) -> NDArray[np.uint8]:
        if self._region:
            left, top, right, bottom = self._region.box(picture)
            picture = picture[top:bottom, left:right]
        height, width = picture.shape[:2]
        size = (min(width, WIDTH), max(1, round(height * min(width, WIDTH) / width)))
        return np.asarray(cv2.resize(picture[..., 1], size, interpolation=cv2.INTER_AREA), np.uint8)

    def _width(self, picture: Picture) -> int:
        left, _, right, _ = self._region.box(picture) if self._region else (0, 0, picture.shape[1], 0)
        return right - left

    def _corner(self, picture: Picture) -> tuple[int, int]:
        return self._region.box(picture)[:2] if self._region else (0, 0)


def _index(place: float, scale: float) -> int:
    return max(0, int(place * scale))


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
        aiming: AimingPictures | None = None,
        tell_unusable: Callable[[UnusablePassage], object] = lambda _: None,
        exercises: ExercisePlayer | None = None,
    ) -> None:
        """Search for faces in one of `detect_every` frames, in the part `region`, to which `detector` is limited too.

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
        self._motion_gate = MotionGate(region)
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
        elif self._motion_gate.wants(frame.picture, frame.at_s):
            faces = self._search(frame)
        if self._exercises and self._exercises.wanted:
            in_view = bool(faces or self._tracker.alive or self._view.away)
            self._exercises.see(frame, self._best_shots.policy, in_view=in_view)
        self._statistics.count_frame(self._best_shots.passages, faces, frame.captured_at, under_way=self._tracker.alive)

    def _search(self, frame: Frame) -> int:
        """Detect faces, and put the crops to send into the outbox; return the number of faces."""
        height, width = frame.picture.shape[:2]
        faces = self._detector.detect(frame.picture)
        colours = [colours_of(frame.picture, face) for face in faces]
        update = self._tracker.update(faces, colours, (width, height), frame.at_s)
        if faces:
            self._view.face_seen(frame.at_s)
        self._end(update.ended)
        for track, face in zip(update.tracks, faces, strict=True):
            quality = self._travellers.look(track, frame, face, self._best_shots.policy)
            if self._best_shots.wants(track, face):
                quality = quality or measure(frame.picture, face)
                capture = self._best_shots.offer(track, frame, face, quality)
                if capture:
                    self._put(capture)
                    self._sent_tracks.add(track)
        all_sent = self._sent_tracks.issuperset(update.tracks)
        self._motion_gate.searched(frame.picture, frame.at_s, faces, all_known=all_sent)
        return len(faces)

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
