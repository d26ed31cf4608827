"""Changes of a camera's policy by people while the server runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cekalwatch.contract.values.capture_policy import CapturePolicyChanges


@dataclass(frozen=True)
class SetPolicy:
    """The changes of a camera's policy by people."""

    number: int
    """How often it was set, from 1."""
    changes: CapturePolicyChanges
    """How it differs from the settings now; nothing: not at all."""
    before: CapturePolicyChanges
    """The previous values, for a return to them."""
    set_at: datetime
