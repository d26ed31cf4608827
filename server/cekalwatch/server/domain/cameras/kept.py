"""What the server keeps of one camera: what people set while it runs, and what surveys found of its view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cekalwatch.contract.values.captures import CapturePolicyChanges
from cekalwatch.contract.values.surveys import SurveyFigures


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


@dataclass(frozen=True)
class KeptSurvey:
    """What a survey found, and when the server got it."""

    reported_at: datetime
    figures: SurveyFigures
