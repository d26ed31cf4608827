"""The table of data keys, each wrapped by the master key, which is not in the database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.columns import UtcDateTime


class DataKeyRow(SQLModel, table=True):
    """A data key. An old one is removed when no value needs it any more."""

    __tablename__ = "data_key"

    key_id: int = Field(primary_key=True)
    """It is in each value that the key sealed."""
    purpose: str
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    master_key_id: str
    """Which master key wraps it."""
    made_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    settled_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    """When everything that older keys had sealed was sealed with this one."""
