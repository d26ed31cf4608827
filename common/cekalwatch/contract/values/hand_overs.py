"""Hand-overs at the end of a shift: notes of who leaves, and who took the shift over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final

from annotated_types import MaxLen

from cekalwatch.contract.values.people import PersonReference
from cekalwatch.wire.bounds import MAX_WORD

MAX_HAND_OVERS: Final = 20
"""Hand-overs of a site that are shown: the newest."""


@dataclass(frozen=True)
class HandOver:
    """Notes that somebody who leaves writes for who comes."""

    hand_over_id: Annotated[str, MaxLen(MAX_WORD)]
    site: Annotated[str, MaxLen(MAX_WORD)]
    left_by: PersonReference
    left_at: datetime
    notes: str = field(default="", repr=False)
    """In several lines; they may name people."""
    taken_by: PersonReference | None = None
    """Who has read it and taken the shift over; None while nobody has."""
    taken_at: datetime | None = None
