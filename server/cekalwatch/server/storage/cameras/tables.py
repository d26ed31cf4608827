"""The table of what people have set for cameras. Keys, numbers and times only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column
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
