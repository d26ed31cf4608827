"""What one camera's link to the server has seen, for the metrics. Written by the event loop, read on any thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cekalwatch.wire.vocabulary.capture import CaptureOutcome


@dataclass
class LinkCounts:
    """Counts since the program started."""

    receipts: Counter[CaptureOutcome] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    """By the name of the status with which a stream ended, or DRAIN or CONTRACT."""
    connected: bool = False
    clock_offset_s: float | None = None
    """By how much this machine's clock was ahead of the server's at the last welcome; None if it did not say."""
