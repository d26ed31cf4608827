"""A port with a server of its own, and its alerts, as people at the centre see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cekalwatch.contract.values.alerts import Alert


@dataclass(frozen=True)
class PortAlert:
    """An alert of a port."""

    site: str
    port: str
    alert: Alert
    reported_at: datetime | None
