"""What people have set for a camera while the server runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cekalwatch.contract.values.capture_policy import CapturePolicyChanges


@dataclass(frozen=True)
class SetPolicy:
    """What people have set for a camera."""

    number: int
    """How often it was set, from 1."""
    changes: CapturePolicyChanges
    """How it differs from the settings now; nothing: not at all."""
    before: CapturePolicyChanges
    """How it did before, for who wants that back."""
    set_at: datetime
