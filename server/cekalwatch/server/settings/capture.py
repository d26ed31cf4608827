"""What cameras may send, and how the server deals with their streams."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.program.settings import Settings


class CaptureSection(Settings):
    """Streams of captures."""

    capture_policy: CapturePolicy = CapturePolicy()
    """What a camera may send, unless its own `capture_policy` says otherwise."""
    credits: Annotated[int, Field(ge=1, le=1000)] = 32
    """Faces of one camera that may wait at once to be taken in."""
    receipt_delay_seconds: Annotated[float, Field(ge=0.01, le=5)] = 0.5
    """Seconds after which a capture gets its receipt, or a whole multiple when the server is busier. It hides how long
    an alert takes, and must be longer than that."""
    heartbeat_period_seconds: Annotated[float, Field(gt=0, le=300)] = 5.0
    """Seconds between heartbeats of a camera; a camera that misses three is gone."""
    handshake_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Seconds that a camera may take to say hello."""
    passage_idle_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Seconds for which the templates of a passage stay in memory after its last crop."""
