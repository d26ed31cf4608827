"""Tables of troubles. Keys, numbers, times and codes only: nothing here is personal, so nothing is sealed."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.columns import moment, moment_or_none


class TroubleLogRow(SQLModel, table=True):
    """One row, made by the first migration, which whoever changes a trouble locks and counts in."""

    __tablename__ = "trouble_log"

    id: int = Field(primary_key=True)
    change: int


class TroubleRow(SQLModel, table=True):
    """A trouble; see `Trouble` of the domain."""

    __tablename__ = "trouble"

    trouble_id: str = Field(primary_key=True)
    """A UUID of version 7, so that keys are in the order of time."""
    open_key: str | None = Field(default=None, unique=True)
    """KIND and what it is about, while it is open: whoever notices it, it is there once."""
    kind: str
    about: str
    site: str
    counter: str
    details: str
    """A JSON object of texts."""
    began_at: datetime = moment()
    ended_at: datetime | None = moment_or_none()
    acknowledged_at: datetime | None = moment_or_none()
    acknowledged_by: str | None = None
    """Key of the person."""
    change: int = Field(index=True)
    """The counter of `TroubleLogRow` as of its last change."""


class CameraNewsRow(SQLModel, table=True):
    """What the servers that share the database tell each other of a camera."""

    __tablename__ = "camera_news"

    camera_id: str = Field(primary_key=True)
    """Of one that was refused: the key that it claims."""
    heard_at: datetime | None = moment_or_none()
    """When any server last heard it."""
    rejected_at: datetime | None = moment_or_none()
    """When any server last refused it."""
    reason: str = ""
    """Why: a code of the catalogue."""
    site: str = ""
    """The site in the certificate with which it was refused."""
