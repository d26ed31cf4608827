"""What people set for one camera while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cekalwatch.wire.vocabulary.capture import CapturePolicyChanges


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
