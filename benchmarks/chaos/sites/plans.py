"""What the sites have: a centre of three servers with its own cameras and PCs, and a port with a server of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import CameraPlan

GROUPING_WINDOW_S = 6.0
"""Of both sites."""


@dataclass(frozen=True)
class PcPlan:
    """A PC, and who sits there."""

    name: str
    person: str
    role: PersonRole
    counters: tuple[str, ...] = ()
    """Those that it watches; none: all."""

    def watches(self, counter: str) -> bool:
        """Whether it is told of alerts that are seen at a counter."""
        return not self.counters or counter in self.counters


@dataclass(frozen=True)
class SitePlan:
    """A site. No two sites have a machine or a camera of the same name."""

    key: str
    servers: tuple[str, ...]
    hosts: Mapping[str, tuple[CameraPlan, ...]]
    pcs: tuple[PcPlan, ...]

    @property
    def cameras(self) -> tuple[CameraPlan, ...]:
        """Those of all capture hosts."""
        return tuple(chain.from_iterable(self.hosts.values()))

    @property
    def devices(self) -> Mapping[str, DeviceRole]:
        """Its cameras and PCs."""
        cameras = {one.camera_id: DeviceRole.CAMERA for one in self.cameras}
        return cameras | {one.name: DeviceRole.NOTIFIER for one in self.pcs}

    @property
    def lone(self) -> tuple[PcPlan, CameraPlan]:
        """An officer's PC without which a counter for departures has none, and the camera there."""
        for camera in self.cameras:
            there = [one for one in self.pcs if one.role is PersonRole.OFFICER and one.watches(camera.counter)]
            if len(there) == 1 and camera.direction == Direction.DEPARTURE:
                return there[0], camera
        raise ValueError(f"each counter of {self.key} has several PCs")

    @property
    def supervisor(self) -> PcPlan:
        """The PC of the supervisor."""
        return next(one for one in self.pcs if one.role is PersonRole.SUPERVISOR)


CENTRE = SitePlan(
    "batam-center",
    ("server-1", "server-2", "server-3"),
    {
        "host-1": (CameraPlan("gate-1", "D1"), CameraPlan("gate-2", "D2")),
        "host-2": (CameraPlan("gate-3", "D3"), CameraPlan("gate-4", "A1", "ARRIVAL")),
    },
    (
        PcPlan("pc-1", "ani", PersonRole.OFFICER, ("D1", "D2", "A1")),
        PcPlan("pc-2", "budi", PersonRole.OFFICER, ("D1", "D2", "A1")),
        PcPlan("pc-3", "citra", PersonRole.OFFICER, ("D1",)),
        PcPlan("pc-4", "dedi", PersonRole.OFFICER, ("D2", "D3")),
        PcPlan("pc-5", "siti", PersonRole.SUPERVISOR),
    ),
)
PORT = SitePlan(
    "sekupang",
    ("port-server",),
    {"port-host": (CameraPlan("port-gate"),)},
    (
        PcPlan("port-pc-1", "eka", PersonRole.OFFICER),
        PcPlan("port-pc-2", "fitri", PersonRole.SUPERVISOR),
    ),
)
SITES = (CENTRE, PORT)

PORT_SERVER = PORT.servers[0]
PORT_DEVICE = "main"
"""Name of the port's server at the centre, by its certificate."""

SERVERS = tuple(name for site in SITES for name in site.servers)
HOSTS = tuple(name for site in SITES for name in site.hosts)
PCS = tuple(plan.name for site in SITES for plan in site.pcs)
CAMERAS = tuple(plan.camera_id for site in SITES for plan in site.cameras)
