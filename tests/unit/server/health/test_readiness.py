"""Whether a listed traveller would ring, for each counter from the cameras and PCs that are left: all causes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.readiness import ReadinessFault, WatchLevel
from cekalwatch.contract.values.watchlist import NEVER_FRESH, Freshness
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.presence import AgentPresence
from cekalwatch.server.health.state.readiness import ReadinessGauge
from tests.support.builders.notifier_alerts import FRESH

SITE = "batam-center"
LEFT, RIGHT = (Camera(f"dep-1-{side}", SITE, "D1", Direction.DEPARTURE) for side in ("left", "right"))
OTHER = Camera("dep-2", SITE, "D2", Direction.DEPARTURE)
ELSEWHERE = Camera("sek-1", "sekupang", "D1", Direction.DEPARTURE)
CAMERAS = (LEFT, RIGHT, OTHER, ELSEWHERE)
D1, D2 = (AlertFilter(SITE, frozenset({one})) for one in ("D1", "D2"))
PORT = AlertFilter(SITE)
OLD = replace(FRESH, stale=True)
ALL, SOME, NONE = WatchLevel.ALL, WatchLevel.SOME, WatchLevel.NONE
CAMERA, PC, LIST = ReadinessFault.CAMERA, ReadinessFault.PC, ReadinessFault.LIST


@dataclass(frozen=True)
class Office:
    """What fails."""

    chain: ReadinessFault | None = None
    late_s: float = 0.0
    blind: tuple[Camera, ...] = ()
    unattended: tuple[Camera, ...] = ()
    here: tuple[AgentPresence, ...] = ()
    """PCs that came to this server a moment ago."""
    list: Freshness = FRESH

    def says(self, place: AlertFilter) -> tuple[WatchLevel, ReadinessFault | None, tuple[str, ...]]:
        gauge = ReadinessGauge(
            lambda: self.chain,
            lambda: self.late_s,
            lambda: {one.camera_id for one in self.blind},
            lambda: {one.camera_id for one in CAMERAS if one not in self.unattended},
            lambda: {str(number): one for number, one in enumerate(self.here)},
            lambda: self.list,
            CAMERAS,
            1.0,
        )
        answer = gauge.of(place)
        return answer.level, answer.fault, answer.counters


@pytest.mark.parametrize(
    ("office", "place", "level", "fault", "counters"),
    [
        (Office(), D1, ALL, None, ()),
        *((Office(one), D1, NONE, one, ()) for one in list(ReadinessFault)[1:5]),
        (Office(ReadinessFault.DATABASE, blind=CAMERAS, unattended=CAMERAS), PORT, NONE, ReadinessFault.DATABASE, ()),
        (Office(blind=(LEFT,)), D1, SOME, CAMERA, ("D1",)),
        (Office(blind=(LEFT, RIGHT)), D1, NONE, CAMERA, ("D1",)),
        (Office(blind=(LEFT, RIGHT)), D2, ALL, None, ()),
        (Office(blind=(LEFT, RIGHT)), PORT, SOME, CAMERA, ("D1",)),
        (Office(blind=(OTHER, ELSEWHERE)), D1, ALL, None, ()),
        (Office(blind=CAMERAS), PORT, NONE, CAMERA, ("D1", "D2")),
        (Office(unattended=(LEFT,)), D1, SOME, PC, ("D1",)),
        (Office(unattended=(LEFT, RIGHT)), D1, NONE, PC, ("D1",)),
        (Office(unattended=(LEFT, RIGHT)), PORT, SOME, PC, ("D1",)),
        (Office(unattended=CAMERAS), AlertFilter(), NONE, PC, ("D1", "D2")),
        (Office(unattended=CAMERAS, here=(AgentPresence(SITE, frozenset({"D2"})),)), D2, ALL, None, ()),
        (Office(unattended=CAMERAS, here=(AgentPresence(supervises=True),)), D2, NONE, PC, ("D2",)),
        (Office(blind=(LEFT, RIGHT), unattended=(OTHER,)), PORT, NONE, CAMERA, ("D1",)),
        (Office(blind=(LEFT,), unattended=(RIGHT,)), D1, NONE, CAMERA, ("D1",)),
        (Office(blind=(LEFT,), unattended=(LEFT, RIGHT)), D1, NONE, PC, ("D1",)),
        (Office(late_s=12.0), D1, SOME, ReadinessFault.LATE, ()),
        (Office(late_s=12.0, blind=(LEFT,)), D1, SOME, CAMERA, ("D1",)),
        (Office(late_s=12.0, list=OLD), D1, SOME, ReadinessFault.LATE, ()),
        (Office(late_s=12.0, list=NEVER_FRESH), D1, NONE, LIST, ()),
        (Office(list=OLD), D1, SOME, LIST, ()),
        (Office(list=NEVER_FRESH), D1, NONE, LIST, ()),
        (Office(list=OLD, blind=(LEFT,)), D1, SOME, CAMERA, ("D1",)),
        (Office(list=NEVER_FRESH, blind=(LEFT,)), D1, NONE, LIST, ()),
        (Office(list=replace(FRESH, active_subjects=0)), D1, ALL, None, ()),
    ],
)
def test_a_counter_rings_as_long_as_a_camera_and_a_pc_of_it_are_left(
    office: Office,
    place: AlertFilter,
    level: WatchLevel,
    fault: ReadinessFault | None,
    counters: tuple[str, ...],
) -> None:
    assert office.says(place) == (level, fault, counters)
