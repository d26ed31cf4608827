"""How alerts and problems are raised, handed over and kept."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from cekalwatch.program.settings import Settings
from cekalwatch.server.domain.alerts.handling import DEFAULT_REFERENCE_PATTERN, HandlingPolicy
from cekalwatch.server.domain.retention import RetentionPolicy


def _pattern(expression: str) -> str:
    try:
        re.compile(expression)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return expression


class AlertSection(Settings):
    """Grouping, escalation and retention, and when a camera or a port has a problem."""

    grouping_window_seconds: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    """Seconds within which a later passage of a subject at a site joins its alert."""
    late_after_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """A sighting that arrives this many seconds after its capture marks its alert as late: the traveller may have
    left."""
    unusable_notice_seconds: Annotated[float, Field(ge=5, le=3600)] = 60.0
    """Shortest time in seconds between two notices to a counter that travellers passed without a usable face."""
    claim_lease_seconds: Annotated[float, Field(ge=10, le=3600)] = 90.0
    """Seconds for which an officer's claim holds without being renewed."""
    escalate_after_seconds: Annotated[float, Field(ge=5, le=3600)] = 60.0
    """Seconds that an alert waits to be claimed before it goes to the supervisors, and as long again before it goes to
    the whole site."""
    settle_after_seconds: Annotated[float, Field(ge=5, le=86_400)] = 600.0
    """Seconds that an alert is claimed, referred or undecided before it goes to the supervisors."""
    escalate_again_after_seconds: Annotated[float, Field(ge=5, le=86_400)] = 300.0
    """Interval in seconds at which an escalated alert is announced again until somebody settles it."""
    escalate_owed_again_after_seconds: Annotated[float, Field(ge=5, le=86_400)] = 3600.0
    """Interval in seconds at which a hit whose reference number is owed is announced again: Cekal Online may be away
    for days."""
    cekal_online_reference: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_pattern)] = (
        DEFAULT_REFERENCE_PATTERN
    )
    """Regular expression that a reference number of Cekal Online must match as a whole."""
    event_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    """Days that the event log goes back, for agents that resume."""
    cleared_image_retention_hours: Annotated[float, Field(gt=0, le=23)] = 12.0
    """Hours for which images of an alert are stored after it was cleared; all are removed within 24 hours."""
    confirmed_image_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    """Days for which images of an alert are stored after it was confirmed."""
    unsettled_image_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    """Days for which images of an unsettled alert are stored after it was raised."""
    alert_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 730
    """Days for which the record of an alert is stored after it was raised, if it is cleared or closed and has left
    the event log."""
    shift_note_retention_days: Annotated[int, Field(ge=1, le=90)] = 7
    """Days for which notes of a hand-over are stored after they were written: they are free text, and may name
    people."""
    group_figures: Path | None = None
    """evaluation.json of volunteers, made by `cekalwatch-server evaluate`, whose figures by group of people the report
    of the field shows; when not set, it says that nobody knows them. Read at the start."""
    ended_subject_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    """Days for which a subject is kept after its last order ended. The rule on urgent orders that are sent again needs
    the earlier ones."""
    min_camera_fps: Annotated[float, Field(ge=0, le=60)] = 2.0
    """Frames a second; a camera that processes fewer counts as slow. 0 turns this off."""
    problem_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    """Days for which a problem is stored after its end, for reports."""
    port_silence_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    """Minutes after which a centre reports a problem of a port that does not follow the list or does not report."""

    @property
    def handling_policy(self) -> HandlingPolicy:
        """The times of an alert's life."""
        return HandlingPolicy(
            timedelta(seconds=self.claim_lease_seconds),
            timedelta(seconds=self.escalate_after_seconds),
            timedelta(seconds=self.settle_after_seconds),
            timedelta(seconds=self.escalate_again_after_seconds),
            timedelta(seconds=self.escalate_owed_again_after_seconds),
            reference_pattern=self.cekal_online_reference,
        )

    @property
    def retention_policy(self) -> RetentionPolicy:
        """How long events, images, records, subjects and notes of shifts are kept."""
        return RetentionPolicy(
            timedelta(days=self.event_retention_days),
            timedelta(hours=self.cleared_image_retention_hours),
            timedelta(days=self.confirmed_image_retention_days),
            timedelta(days=self.unsettled_image_retention_days),
            timedelta(days=self.alert_retention_days),
            timedelta(days=self.ended_subject_retention_days),
            timedelta(days=self.shift_note_retention_days),
        )

    @property
    def port_silence(self) -> timedelta:
        """How long a port may be silent."""
        return timedelta(minutes=self.port_silence_minutes)

    @property
    def alarm_retention(self) -> timedelta:
        """How long a problem is kept after its end."""
        return timedelta(days=self.problem_retention_days)
