"""How many travellers passed each camera in each hour: a number, and nothing of any of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.columns import UtcDateTime


class PassageCountRow(SQLModel, table=True):
    """One camera's passages in one hour; the camera's site and direction are those of that hour's first."""

    __tablename__ = "passage_count"

    hour: datetime = Field(sa_column=Column(UtcDateTime(), primary_key=True))
    camera_id: str = Field(primary_key=True)
    site: str
    direction: str
    passages: int
