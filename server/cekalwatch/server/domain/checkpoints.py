"""What stands at a checkpoint: its cameras, and the figures of the law that it enforces.

Sources of the law: UU 6/2011 as changed by UU 63/2024, Permenimipas 13/2025; `docs/watchlist-folder.md` gives the rules
in words.
"""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.wire.vocabulary.orders import Direction


@dataclass(frozen=True)
class Camera:
    """A camera of the configuration."""

    camera_id: str
    site: str
    counter: str
    direction: Direction


@dataclass(frozen=True)
class LegalParameters:
    """What the law allows. The configuration (`[legal]`) can change each figure."""

    cegah_months: int = 6
    """Longest term of a CEGAH order, calendar months."""
    cegah_extensions: int = 1
    """How often a CEGAH order can be extended."""
    extension_months: int = 6
    """Longest term of an extension of a CEGAH order, calendar months."""
    extension_notice_days: int = 3
    """An extension must have been received this many days before the order ends."""
    urgent_days: int = 20
    """Days after its receipt within which an urgent order needs a written decision."""
    home_nationality: str = "IDN"
    """Citizens of this country (ISO 3166-1 alpha-3) cannot be refused entry."""
