"""What holds for the spools of a capture host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SpoolTerms:
    """Where captures wait on the disk, how many, and for how long."""

    folder: Path
    """Each camera has a folder of its own in it."""
    key_file: Path
    most_bytes: int = 256_000_000
    """Of each camera."""
    most_age_s: float = 4 * 3600.0
    spill_after_s: float = 1.5
    """A capture without receipt for so long is written."""
