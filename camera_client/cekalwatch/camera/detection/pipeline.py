"""The vision thread: frames in, captures of the best crops out. It owns detector, tracker and best shots."""

from __future__ import annotations

import structlog
import uuid6

from cekalwatch.camera.detection.best_shot import BestShots, Shot
from cekalwatch.camera.detection.crop import encode
from cekalwatch.camera.detection.face_capture import FaceCapture
from cekalwatch.camera.detection.motion_gate import MotionGate
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.sources.frames import Frame, FrameSource
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.view.watch import ViewWatch
from cekalwatch.vision.faces import FaceDetector
from cekalwatch.vision.quality import measure
from cekalwatch.vision.region import Region
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.vocabulary.capture import CapturePolicy

log = structlog.get_logger()


class Pipeline:
    """From the source to the outbox."""

    def __init__(
        self,
        source: FrameSource,
        detector: FaceDetector,
        tracker: Tracker,
        outbox: Outbox,
        figures: CameraStatistics,
        *,
        detect_every: int = 1,
        view: ViewWatch | None = None,
        region: Region | None = None,
    ) -> None:
        """`detect_every`: only each so manieth frame is looked at; `view`: of a camera that can be turned.

        `region`: the part of the picture that `detector` looks at.
        """
        self._source = source
        self._detector = detector
        self._tracker = tracker
        self._best_shots = BestShots(CapturePolicy())
        self._outbox = outbox
        self._figures = figures
        self._detect_every = detect_every
        self._view = view or ViewWatch()
        self._attention = MotionGate(region)
        self._known: set[int] = set()
        """Tracks of which a crop was sent."""

    def set_policy(self, policy: CapturePolicy) -> None:
        """Obey `policy` from the next face on; from any thread."""
        self._best_shots.policy = policy

    def run(self) -> None:
        """Work until the source ends or `stop` is called. Raises SourceError."""
        failures = Backoff(first_s=0.5, most_s=30.0)
        skip_until_s = 0.0
        for number, frame in enumerate(self._source):
            if number % self._detect_every or frame.at_s < skip_until_s:
                continue
            self._figures.begin_frame()
            try:
                self._look_at(frame)
            except Exception:  # a picture that cannot be looked at must not end months of watching
                if not self._source.endless:
                    raise
                # Nor shall each fill the log.
                pause_s = failures.next_delay_s()
                log.exception("frame_failed", next_in_s=round(pause_s, 1))
                skip_until_s = frame.at_s + pause_s
            else:
                failures.reset()
            finally:
                self._figures.end_frame()
        self._end(self._tracker.end())

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._source.close()
        self._outbox.close()

    def _look_at(self, frame: Frame) -> None:
        self._view.see(frame.picture, frame.at_s)
        self._figures.note_view(self._view.state)
        if self._view.away:
            # What is seen on the way belongs to no counter; and who was in view has left it.
            self._end(self._tracker.end())
            self._figures.count_frame(self._best_shots.passages, taken_at=frame.captured_at)
            return
        if not self._attention.wants(frame.picture, frame.at_s):
            self._figures.count_frame(self._best_shots.passages, taken_at=frame.captured_at)
            return
        height, width = frame.picture.shape[:2]
        update = self._tracker.update(self._detector.detect(frame.picture), (width, height), frame.at_s)
        if update.sightings:
            self._view.face_seen(frame.at_s)
        self._end(update.ended)
        for track, face in update.sightings:
            if self._best_shots.wants(track, face):
                shot = self._best_shots.offer(track, frame, face, measure(frame.picture, face))
                if shot:
                    self._send(shot)
                    self._known.add(track)
        all_known = self._known.issuperset(track for track, _ in update.sightings)
        faces = [face for _, face in update.sightings]
        self._attention.searched(frame.picture, frame.at_s, faces, all_known=all_known)
        self._figures.count_frame(self._best_shots.passages, len(update.sightings), frame.captured_at)

    def _end(self, tracks: tuple[int, ...]) -> None:
        self._known.difference_update(tracks)
        for track in tracks:
            for shot in self._best_shots.end(track):
                self._send(shot)

    def _send(self, shot: Shot) -> None:
        encoded = encode(shot.crop, self._best_shots.policy.jpeg_quality)
        if self._source.can_wait:
            # A file waits for the server rather than lose crops; a camera cannot.
            self._outbox.wait_for_room()
        self._figures.count_crop(len(encoded.jpeg))
        self._outbox.put(
            FaceCapture(
                capture_id=str(uuid6.uuid7()),
                track_id=str(shot.track),
                captured_at=shot.captured_at,
                jpeg=encoded.jpeg,
                landmarks=encoded.landmarks,
                detector_score=shot.detector_score,
                quality=shot.quality,
            )
        )
