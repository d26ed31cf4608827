"""Tables of exercises (domain rule 16). They are apart from the list: nobody here is in a gallery, or has an order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index
from sqlmodel import Field

from cekalwatch.server.storage.columns import UtcDateTime, moment, moment_or_none, sealed
from cekalwatch.server.storage.integrity.signed_row import SignedRow


class ExerciseSubjectRow(SignedRow, table=True):
    """A member of staff who agreed in writing to be an exercise's traveller."""

    __tablename__ = "exercise_subject"

    subject_id: str = Field(primary_key=True)
    facts: bytes = sealed()
    """Sealed JSON: the name, and the letter of consent."""
    added_at: datetime = moment()
    until: datetime = moment(index=True)
    """When the consent ends; then the row and its pictures are erased."""


class ExercisePictureRow(SignedRow, table=True):
    """A picture of an exercise's subject: the reference, and the recorded crops that are played."""

    __tablename__ = "exercise_picture"

    subject_id: str = Field(primary_key=True, foreign_key="exercise_subject.subject_id")
    number: int = Field(primary_key=True)
    """0: the reference; the others are the crops."""
    jpeg: bytes = sealed()


class ExerciseRow(SignedRow, table=True):
    """An exercise, from its plan to its end. It holds nothing of the face."""

    __tablename__ = "exercise"
    __table_args__ = (Index("ix_exercise_camera", "camera_id", "planned_at"),)

    exercise_id: str = Field(primary_key=True)
    """A UUID of version 7."""
    subject_id: str
    camera_id: str
    site: str
    counter: str
    planned_at: datetime = moment()
    due_at: datetime = moment()
    sent_at: datetime | None = moment_or_none()
    crops: int | None = None
    played_at: datetime | None = moment_or_none()
    received: bool = False
    alert_id: str | None = None
    sequence: int = 0
    raised_at: datetime | None = moment_or_none()
    shown_at: datetime | None = moment_or_none()
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True, index=True))
    end: str | None = None
    stage: str = "PLANNED"
    person_id: str | None = Field(default=None, index=True)
    """Who judged it: their own record, which only they see."""
