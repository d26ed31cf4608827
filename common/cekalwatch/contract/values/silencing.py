"""Orders in force that would no longer alert after what somebody is about to do (domain rule 18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from annotated_types import MaxLen

from cekalwatch.contract.values.keys import Key

MAX_SILENCED: Final = 500
"""Orders that are named; all are counted."""
MAX_WHAT: Final = 100


@dataclass(frozen=True)
class SilencedOrder:
    """An order in force that would no longer alert somewhere."""

    order_id: Key
    subject_id: Key
    name: Annotated[str, MaxLen(300)]
    """Of the subject; empty for who may not see the list."""
    place: Annotated[str, MaxLen(100)]
    """The direction of travel."""
    at: datetime
    """From when on."""


@dataclass(frozen=True)
class Silencing:
    """All that an act would silence."""

    orders: Annotated[tuple[SilencedOrder, ...], MaxLen(MAX_SILENCED)] = ()
    """The first, by key."""
    count: int = 0
    """Of all."""
    what: Annotated[str, MaxLen(MAX_WHAT)] = ""
    """What becomes less where that concerns all orders alike: "camera KEY", "exercises" and the like; else empty."""

    def __bool__(self) -> bool:
        return bool(self.count or self.what)


NOTHING_SILENCED: Final = Silencing()
