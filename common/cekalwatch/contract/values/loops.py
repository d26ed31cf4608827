"""State of a repeated task of a program. Every program has some, so this imports nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoopStatus:
    """A repeated task of a program."""

    name: str
    failures: int = 0
    """Rounds that failed since the start."""
    failing_s: float | None = None
    """The time without a successful round since one failed; None while it works."""
    error: str = ""
    """Kind of the last failure."""
