"""Checkpoints: their sites and cameras, and the legal figures that they enforce.

Sources of the law: UU 6/2011 as changed by UU 63/2024, Permenimipas 13/2025; `docs/watchlist-folder.md` gives the rules
in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.contract.values.capture_policy import CapturePolicyChanges
from cekalwatch.contract.values.orders import Direction

Key = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


@dataclass(frozen=True)
class Site:
    """A port or terminal. Its local clock decides which orders are in force. Raises ValueError for an unknown zone."""

    site: Key
    """Name of the site: lower-case letters, digits and hyphens."""
    time_zone: str = "Asia/Jakarta"
    """Time zone of the IANA list. WIB is Asia/Jakarta, WITA Asia/Makassar, WIT Asia/Jayapura."""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{self.time_zone!r} is no time zone of the IANA list; WIB is Asia/Jakarta") from None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True)
class CameraPlace(CameraReference):
    """Where a camera of the settings is."""

    camera_id: Key
    """Name of the camera, the one in its certificate."""
    site: Key
    """Name of its site."""
    counter: Annotated[str, Field(min_length=1, max_length=64)]
    """What officers call the counter below it."""
    direction: Direction
    """Whether the travellers that it sees leave (DEPARTURE) or come in (ARRIVAL)."""


@dataclass(frozen=True)
class Camera(CameraPlace):
    """A camera that may connect."""

    capture_policy: CapturePolicyChanges = field(default=CapturePolicyChanges(), compare=False, repr=False)
    """Its differences from `[capture_policy]`. SIGHUP sends a change to the camera."""

    @property
    def place(self) -> CameraReference:
        """The camera as alerts name it."""
        return CameraReference(self.camera_id, self.site, self.counter, self.direction)


@dataclass(frozen=True)
class LegalParameters:
    """Figures of the law in the configuration (`[legal]`).

    One that differs from its default replaces that of every row of the law (`orders/law_table.py`).
    """

    cegah_months: Annotated[int, Field(ge=1, le=240)] = 6
    """Longest term of a CEGAH order, in calendar months."""
    cegah_extensions: Annotated[int, Field(ge=0, le=20)] = 1
    """How often a CEGAH order can be extended."""
    extension_months: Annotated[int, Field(ge=1, le=240)] = 6
    """Longest term of an extension of a CEGAH order, in calendar months."""
    extension_notice_days: Annotated[int, Field(ge=0, le=365)] = 3
    """Days before the end of an order by which its extension must have been received."""
    cegah_total_months: Annotated[int, Field(ge=1, le=240)] = 12
    """Months for which CEGAH orders of an agency can follow one another on a subject before a person must look."""
    cegah_gap_days: Annotated[int, Field(ge=0, le=365)] = 30
    """Maximum days between two consecutive CEGAH orders; after a longer gap, the later one starts a new sequence."""
    urgent_days: Annotated[int, Field(ge=0, le=365)] = 20
    """Days after its receipt within which an urgent order needs a written decision."""
    home_nationality: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "IDN"
    """Citizens of this country (ISO 3166-1 alpha-3) cannot be refused entry."""

    @property
    def changed(self) -> dict[str, int]:
        """The figures that differ from their defaults, by name."""
        figures = {one.name: (getattr(self, one.name), one.default) for one in fields(self)}
        return {name: value for name, (value, usual) in figures.items() if value != usual and isinstance(value, int)}
