"""A survey of a camera that the server keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cekalwatch.wire.vocabulary.survey import SurveyFigures


@dataclass(frozen=True)
class KeptSurvey:
    """What a survey found, and when the server got it."""

    reported_at: datetime
    figures: SurveyFigures
