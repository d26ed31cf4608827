"""Captures and matches for tests of what comes after recognition."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
import uuid6
from numpy.typing import NDArray

from cekalwatch.contract.values.orders import Direction
from cekalwatch.server.domain.alerts.match import Candidate, Match
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.vision.thresholds import LikenessModel, Provenance

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
    capture_id: str = "",
) -> Capture:
    """Make a capture."""
    return Capture(
        capture_id=capture_id or str(uuid6.uuid7()),
        camera=camera,
        passage=f"{camera.camera_id}/run/{passage}",
        captured_at=at,
        jpeg=jpeg,
        landmarks=((1.0, 1.0),) * 5,
        quality=quality,
    )


LIKENESS = LikenessModel(0.6, 0.75, 1e-4, 0.01, Provenance("made up", "model-1", "2026-03-01", 2, 2, 1, "0.1.0"))


def face(alike: float = 1.0) -> NDArray[np.float32]:
    """Make the template of a face that is so much like the default one."""
    return np.array([alike, np.sqrt(1 - alike**2)], dtype=np.float32)


def match(
    probe: Capture | None = None,
    *,
    subject: str = "S-1",
    score: float = 0.7,
    others: Mapping[str, float] = MappingProxyType({}),
    template: NDArray[np.float32] | None = None,
    late: bool = False,
) -> Match:
    """Make a match of a capture with a subject, and `others` by score."""
    candidates = [
        Candidate(subject, score, order_ids=("O-1",)),
        *(Candidate(key, one, order_ids=(f"O-{key}",)) for key, one in others.items()),
    ]
    fused = face() if template is None else template
    probe = probe or capture()
    return Match(
        capture=probe,
        probe_jpeg=probe.jpeg,
        candidates=tuple(sorted(candidates, key=lambda one: -one.score)),
        fused_crops=1,
        threshold=0.48,
        model_version="model-1",
        template=fused,
        same_person=LIKENESS.same,
        late=late,
    )
