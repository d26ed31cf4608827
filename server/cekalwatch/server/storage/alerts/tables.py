"""Tables of alerts, their sightings and probes, findings, hand-overs, the event log, and the agents' positions in it.

They contain only captures that alerted: a capture that matched nobody never reaches the database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, ColumnElement, Index, Integer, String
from sqlmodel import Field, SQLModel, col

from cekalwatch.server.storage.columns import LATER, Facts, UtcDateTime, moment, moment_or_none, sealed
from cekalwatch.server.storage.integrity.signed_row import SignedRow


def later_number() -> Any:  # noqa: ANN401  # a field of any type
    """Return the field of a number that rows of an earlier release lack."""
    return Field(default=None, sa_column=Column(Integer, nullable=True, info={LATER: True}))


class AlertRow(SignedRow, table=True):
    """An alert; the camera's columns are those of the first sighting."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("ix_alert_site_captured", "site", "captured_at"),
        Index("ix_alert_site_last_seen", "site", "last_seen_at"),
        Index("ix_alert_state", "state", "alert_id"),
    )

    alert_id: str = Field(primary_key=True)
    """A UUID of version 7, so that keys rise with time and pages go by them."""
    state: str
    version: int
    subject_id: str = Field(index=True)
    """The candidate that is asked about."""
    camera_id: str
    site: str
    counter: str
    direction: str
    captured_at: datetime = moment()
    raised_at: datetime = moment(index=True)
    last_seen_at: datetime = moment()
    threshold: float
    candidates: list[dict[str, Any]] = Field(sa_column=Column(Facts, nullable=False))
    """Best first, each with its score, its orders, and whether it is ruled out, disproved, or lapsed."""
    model_version: str
    late: bool
    escalation: int = 0
    escalated_at: datetime | None = moment_or_none()
    escalations: int = 0
    orders_ended_at: datetime | None = moment_or_none()
    first_claimed_at: datetime | None = moment_or_none()
    """For the shift's figures; the event log forgets."""
    stands_since: datetime | None = moment_or_none()
    claim_person_id: str | None = None
    claim_agent: str | None = None
    claim_until: datetime | None = moment_or_none()
    exercise_id: str | None = Field(default=None, sa_column=Column(String, nullable=True, info={LATER: True}))
    """Of an exercise; NULL: a real alert. Whatever counts, groups, escalates or reports reads `REAL` ones only."""

    turn: int | None = later_number()
    attended: int | None = later_number()
    called: int | None = later_number()


REAL: Final[ColumnElement[bool]] = col(AlertRow.exercise_id).is_(None)
"""The condition on a row of alerts that it is no exercise (domain rule 16)."""


class SightingRow(SignedRow, table=True):
    """A capture that belongs to an alert. Its key makes a repeated capture harmless."""

    __tablename__ = "sighting"
    __table_args__ = (Index("ix_sighting_counter", "counter", "alert_id"),)

    capture_id: str = Field(primary_key=True)
    alert_id: str = Field(foreign_key="alert.alert_id", index=True)
    passage: str = Field(index=True)
    camera_id: str
    site: str
    counter: str
    direction: str
    captured_at: datetime = moment()
    score: float
    fused_crops: int
    late: bool | None = Field(default=None, sa_column=Column(Boolean, nullable=True, info={LATER: True}))
    """Whether it arrived long after the capture; NULL: no."""
    model_version: str | None = Field(default=None, sa_column=Column(String, nullable=True, info={LATER: True}))
    """The model version of the score; NULL: that of the alert."""
    turn: int | None = later_number()


class AlertPassageRow(SignedRow, table=True):
    """A passage of an alert with its face, as long as others may join it: the grouping window."""

    __tablename__ = "alert_passage"

    alert_id: str = Field(primary_key=True, foreign_key="alert.alert_id")
    passage: str = Field(primary_key=True)
    kept_at: datetime = moment(index=True)
    """Arrival time of its last crop; after an outage this is long after the crop was taken."""
    model_version: str
    template: bytes = sealed()
    """32-bit numbers, little-endian; the model defines how many."""


class ProbeRow(SignedRow, table=True):
    """The best probe of an alert, as the camera sent it, sealed."""

    __tablename__ = "probe"

    alert_id: str = Field(primary_key=True, foreign_key="alert.alert_id")
    capture_id: str
    quality: float
    jpeg: bytes = sealed()


class ToldRow(SignedRow, table=True):
    """What the list told of a candidate of an alert when it was compared last, and since when their faces are these."""

    __tablename__ = "alert_told"

    alert_id: str = Field(primary_key=True, foreign_key="alert.alert_id")
    subject_id: str = Field(primary_key=True)
    facts: str
    photographs: str
    orders: list[dict[str, str]] = Field(sa_column=Column(Facts, nullable=False))
    faces_since: int


class FindingRow(SignedRow, table=True):
    """A finding about an alert."""

    __tablename__ = "alert_finding"

    alert_id: str = Field(primary_key=True, foreign_key="alert.alert_id")
    number: int = Field(primary_key=True)
    """From 0, in order."""
    subject_id: str = Field(index=True)
    """The candidate that it speaks of."""
    outcome: str
    reason: str
    facts: bytes = sealed()
    """Sealed JSON: the note, and of a confirmation the number that Cekal Online gave."""
    person_id: str = Field(index=True)
    found_at: datetime = moment(index=True)


class LookRow(SignedRow, table=True):
    """A person's first look at the faces of an alert."""

    __tablename__ = "alert_look"

    alert_id: str = Field(primary_key=True, foreign_key="alert.alert_id")
    number: int = Field(primary_key=True)
    """From 0, in order."""
    subject_id: str
    """The candidate whose face it was."""
    outcome: str
    person_id: str
    looked_at: datetime = moment()
    version: int
    """The version of the alert at that moment."""


class FollowUpRow(SignedRow, table=True):
    """A contact with the agency about a hit."""

    __tablename__ = "alert_follow_up"

    alert_id: str = Field(primary_key=True, foreign_key="alert.alert_id")
    number: int = Field(primary_key=True)
    """From 0, in order."""
    facts: bytes = sealed()
    """Sealed JSON: agency, contact and result, and `release` when it tells of that."""
    contacted_at: datetime = moment()
    person_id: str
    recorded_at: datetime = moment()


class AlertAgencyRow(SQLModel, table=True):
    """The agency that had asked for an order when an alert met it, for statistics; who it was is sealed."""

    __tablename__ = "alert_agency"

    alert_id: str = Field(primary_key=True, foreign_key="alert.alert_id")
    order_id: str = Field(primary_key=True)
    agency: bytes = sealed()


class HandOverRow(SignedRow, table=True):
    """The notes of somebody who left at the end of a shift, and who took it over."""

    __tablename__ = "hand_over"

    hand_over_id: str = Field(primary_key=True)
    """A UUID of version 7, so that keys rise with time."""
    site: str
    left_by: str
    """Key of the person."""
    left_at: datetime = moment(index=True)
    notes: bytes = sealed()
    """Text, which may be empty."""
    taken_by: str | None = None
    """Key of the person; none while nobody has taken it over."""
    taken_at: datetime | None = moment_or_none()


class AlertEventRow(SQLModel, table=True):
    """The durable event log; SQLite's AUTOINCREMENT never gives a sequence twice, even after pruning."""

    __tablename__ = "alert_event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    sequence: int | None = Field(default=None, primary_key=True)
    type: str
    occurred_at: datetime = moment(index=True)
    alert_id: str = Field(foreign_key="alert.alert_id", index=True)
    capture_id: str
    """Empty where a person or the clock caused it."""
    trace: str = ""
    """The trace context of that capture; empty if it is not traced."""


class EventLogRow(SQLModel, table=True):
    """One row, made by the first migration: the newest sequence that was pruned from the log. Who writes locks it."""

    __tablename__ = "event_log"

    id: int = Field(default=1, primary_key=True)
    pruned_through: int = 0


class AgentRow(SQLModel, table=True):
    """The position up to which a notifier agent has acknowledged the event log."""

    __tablename__ = "agent"

    agent_id: str = Field(primary_key=True)
    """Its site and name, with a slash between (`position_key`)."""
    acknowledged_sequence: int
    acknowledged_at: datetime = moment()


class PassageCountRow(SQLModel, table=True):
    """One camera's passages in one hour, with the camera's site and direction at the first of them."""

    __tablename__ = "passage_count"

    hour: datetime = Field(sa_column=Column(UtcDateTime(), primary_key=True))
    camera_id: str = Field(primary_key=True)
    site: str
    direction: str
    passages: int


class UnusableCountRow(SQLModel, table=True):
    """One camera's travellers without a usable face in one hour, by the reason; site and direction as at passages."""

    __tablename__ = "unusable_count"

    hour: datetime = Field(sa_column=Column(UtcDateTime(), primary_key=True))
    camera_id: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    site: str
    direction: str
    passages: int
    unsent: int
    """Travellers of whom no crop was sent: they are not counted as passages."""
    last_seen_at: datetime = moment()


class WriteProbeRow(SQLModel, table=True):
    """One row, made by the first migration: what servers write to find out whether they can."""

    __tablename__ = "write_probe"

    id: int = Field(default=1, primary_key=True)
    writes: int = Field(sa_column=Column(BigInteger, nullable=False))
    filling: str = ""
    """Without meaning; empty while all is well."""
