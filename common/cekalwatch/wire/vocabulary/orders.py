"""Ban orders and the direction of travel that each kind forbids."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """The direction of travel below a camera."""

    DEPARTURE = "DEPARTURE"
    ARRIVAL = "ARRIVAL"


class OrderKind(StrEnum):
    """Pencegahan (may not leave) or penangkalan (may not enter)."""

    CEGAH = "CEGAH"
    TANGKAL = "TANGKAL"


class OrderStatus(StrEnum):
    """The legal state of an order at one moment."""

    NOT_YET_VALID = "NOT_YET_VALID"
    ACTIVE = "ACTIVE"
    LAPSED = "LAPSED"
    REVOKED = "REVOKED"
    INVALID = "INVALID"
