"""A port with a server of its own, and its alerts, as people at the centre see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cekalwatch.contract.values.alerts import Alert


@dataclass(frozen=True)
class PortState:
    """How a port does."""

    site: str
    name: str
    """In its certificate."""
    reports: bool
    """Whether it is connected, and reports."""
    reported_at: datetime | None
    """When its reports were last heard of; None: never."""
    follows: bool
    """Whether it follows the list."""
    follows_since: datetime | None
    """Since when it does, or does not; None: it never did."""
    list_at: datetime | None
    """When its list was brought up to date last, as it said; None when it has not."""
    waiting: int
    """Events that it had not reported when it was last heard of."""
    unsettled: int
    """Its alerts that nobody there has settled."""
    version: str


@dataclass(frozen=True)
class PortAlert:
    """An alert of a port."""

    site: str
    port: str
    alert: Alert
    reported_at: datetime | None
