"""State of cameras, servers, ports and sources, for a page that updates itself: each person asks, but rarely.

Data that is kept between two requests is shown only after the server has confirmed the person's right.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cekalwatch.contract.values.alarms import Alarms
from cekalwatch.contract.values.status import ServerStatus

ASK_AGAIN_S: Final = 30.0
"""How often the server is asked while nothing is wrong that was not wrong before."""
KINDS: Final = ("CAMERAS", "SERVERS", "PORTS", "SOURCES")
"""The counted things."""


@dataclass(frozen=True)
class SummaryLine:
    """The number of one kind that works well."""

    name: str
    """One of KINDS."""
    well: int
    count: int


class StatusSummary:
    """That of one session. It may be used from several threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._status: ServerStatus | None = None
        self._alarms: Alarms = ()
        self._asked_s = 0.0

    def forget(self) -> None:
        with self._lock:
            self._status = None

    def status(self, ask: Callable[[], ServerStatus], alarms: Alarms) -> ServerStatus:
        """Return the last answer, or ask again after ASK_AGAIN_S and when alarms have changed. `ask` may raise."""
        with self._lock:
            old = self._monotonic() - self._asked_s > ASK_AGAIN_S
            if self._status is None or old or alarms != self._alarms:
                self._status, self._alarms, self._asked_s = ask(), alarms, self._monotonic()
            return self._status


def glance_lines(status: ServerStatus, sites: Iterable[str]) -> list[SummaryLine]:
    """Return the lines for people of these sites; a kind without members has no line."""
    ours = set(sites)
    kinds = (
        [not one.unwell for one in status.cameras if one.camera.site in ours],
        [one.alive for one in status.servers],
        [one.follows_list and one.connected for one in status.ports],
        [not one.stale for one in status.freshness.sources],
    )
    return [SummaryLine(name, sum(well), len(well)) for name, well in zip(KINDS, kinds, strict=True) if well]
