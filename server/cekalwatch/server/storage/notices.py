"""The rows of notices to other systems: their log, and each target's position.

They contain only keys, codes and times, so nothing is sealed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.columns import moment, moment_or_none
from cekalwatch.server.storage.integrity.signed_row import SignedRow


class NoticeRow(SignedRow, table=True):
    """A notice to one target. It has a MAC, so that nobody can make the server sign notices by SQL."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("target", "source"),
        Index("ix_notice_target_settled_at", "target", "settled_at"),
    )

    target: str = Field(primary_key=True)
    number: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    """Counts the target's notices: the order in which they are sent."""
    notice_id: str
    """What the receiver knows it by, at each attempt the same."""
    source: str
    body: str
    made_at: datetime = moment()
    attempts: int = 0
    next_try_at: datetime = moment()
    failure: str = ""
    """Why the last attempt failed; empty: it did not, or there was none."""
    settled_at: datetime | None = moment_or_none()
    """When it was delivered or given up; absent while it waits."""
    outcome: str = ""
    """A `NoticeOutcome`; empty while it waits."""


class NoticePositionRow(SQLModel, table=True):
    """A target's position in a kind of event; for "notices": the number of its last one."""

    __tablename__ = "notice_position"

    target: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger(), nullable=False))
