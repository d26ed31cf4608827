"""A face that a camera sent as a capture: of which passage, when by the server's clock, and whether it is fit."""

from __future__ import annotations

import math
from datetime import datetime
from uuid import UUID

from cekalwatch.contract.values.captures import FaceCapture, FaceQuality
from cekalwatch.server.domain.cameras.clock import CameraClock
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.vision.fitness import flaws


def placed(face: FaceCapture, camera: Camera, run_id: str, clock: CameraClock, now: datetime) -> Capture:
    """Return the capture of a face within its bounds; raises CAPTURE_TIME_UNPLACEABLE.

    `run_id` is that of the stream, in which `clock` is followed. The JPEG itself is checked when it is decoded.
    """
    captured_at = clock.place(face.captured_at, now, face.clock_ahead if face.run_id else None)
    if captured_at is None:
        raise CekalwatchError(Code.CAPTURE_TIME_UNPLACEABLE)
    return Capture(
        capture_id=UUID(face.capture_id),
        camera=camera,
        passage=f"{camera.camera_id}/{face.run_id or run_id}/{face.track_id}",
        captured_at=captured_at,
        jpeg=face.jpeg,
        landmarks=face.landmarks,
        quality=face.quality.score,
        fit=_is_fit(face.quality),
        trace=face.trace,
    )


def _is_fit(measured: FaceQuality) -> bool:
    """Whether a face is fit for an alert; a face without valid figures is not."""
    return all(map(math.isfinite, vars(measured).values())) and not flaws(measured)
