"""Captures and matches for tests of what comes after recognition."""

from __future__ import annotations

from datetime import UTC, datetime

import uuid6

from cekalwatch.server.domain.alerts import Candidate, Match
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.wire.vocabulary.orders import Direction

NOON = datetime(2026, 3, 1, 5, tzinfo=UTC)
"""Noon in Batam."""
DEPARTURE = Camera("dep-1", "batam-center", "D1", Direction.DEPARTURE)
ARRIVAL = Camera("arr-1", "batam-center", "A1", Direction.ARRIVAL)
ELSEWHERE = Camera("sek-1", "sekupang", "D1", Direction.DEPARTURE)


def capture(
    *,
    camera: Camera = DEPARTURE,
    passage: str = "1",
    at: datetime = NOON,
    quality: float = 0.5,
    jpeg: bytes = b"probe",
    capture_id: uuid6.UUID | None = None,
) -> Capture:
    """Make a capture."""
    return Capture(
        capture_id=capture_id or uuid6.uuid7(),
        camera=camera,
        passage=f"{camera.camera_id}/run/{passage}",
        captured_at=at,
        jpeg=jpeg,
        landmarks=((1.0, 1.0),) * 5,
        quality=quality,
    )


def match(probe: Capture | None = None, *, subject: str = "S-1", score: float = 0.7) -> Match:
    """Make a match of a capture with a subject."""
    return Match(
        capture=probe or capture(),
        candidates=(Candidate(subject, score), Candidate("S-9", 0.5)),
        order_ids=("O-1",),
        fused_crops=1,
        threshold=0.48,
        model_version="model-1",
    )
