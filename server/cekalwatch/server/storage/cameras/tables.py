"""The tables of what people have set for cameras, and of what surveys found. Keys, numbers and times only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column
from sqlmodel import Field

from cekalwatch.server.storage.columns import Facts, moment
from cekalwatch.server.storage.integrity.signed_row import SignedRow


class CameraPolicyRow(SignedRow, table=True):
    """What one camera may send, where people have said otherwise than the settings; see `SetPolicy` of the domain."""

    __tablename__ = "camera_policy"

    camera_id: str = Field(primary_key=True)
    number: int
    changes: dict[str, float] = Field(sa_column=Column(Facts, nullable=False))
    before: dict[str, float] = Field(sa_column=Column(Facts, nullable=False))
    set_at: datetime = moment()


class CameraSurveyRow(SignedRow, table=True):
    """What a survey found of a camera; see `SurveyFigures`."""

    __tablename__ = "camera_survey"

    camera_id: str = Field(primary_key=True)
    number: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    """Counts the camera's surveys, from 1."""
    reported_at: datetime = moment()
    figures: dict[str, Any] = Field(sa_column=Column(Facts, nullable=False))
