"""The whole installation: a centre and a port, and the lines between all machines. It starts them, and ends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.machines.centre_database import centre_database
from benchmarks.chaos.machines.disk import can_mount, mounted
from benchmarks.chaos.machines.line import Line, LineRoom, LineState, line_room
from benchmarks.chaos.machines.officers_pc import STATE
from benchmarks.chaos.machines.process import Lives
from benchmarks.chaos.people import STRANGERS, WANDERER, Traveller
from benchmarks.chaos.sites.centre import Centre
from benchmarks.chaos.sites.plans import CENTRE, PORT, PORT_DEVICE, PORT_SERVER, SITES
from benchmarks.chaos.sites.port import Port
from benchmarks.chaos.sites.running_site import RunningSite, lines_to_servers
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import kept_port
from tests.support.tools.second_pack import two_packs

SERVER_BYTES, PORT_SERVER_BYTES, CLIENT_BYTES = 30_000_000, 80_000_000, 20_000_000
"""Disks of a server, of one that has its database there, and of a capture host or a PC."""


@dataclass
class Installation:
    """The running installation; `installation` opens it."""

    folder: Path
    people: Mapping[str, Traveller]
    room: LineRoom
    centre: Centre
    port: Port

    @property
    def sites(self) -> tuple[RunningSite, ...]:
        """Both."""
        return self.centre, self.port

    @property
    def programs(self) -> Iterator[Lives]:
        """All programs of both."""
        for site in self.sites:
            yield from site.programs

    def site(self, key: str) -> RunningSite:
        """Return the site with that key."""
        return next(one for one in self.sites if one.key == key)

    def site_of(self, machine: str) -> RunningSite:
        """Return where a server, capture host, PC or camera is."""
        for site in self.sites:
            if machine in (*site.plan.servers, *site.plan.hosts, *site.plan.devices):
                return site
        raise KeyError(machine)

    def lines_of(self, end: str) -> list[Line]:
        """Return the lines that begin or end at a machine."""
        return [line for name, line in self.room.lines.items() if end in name.split(" to ")]

    def write_list(self, *, wanderer: bool) -> None:
        """Write the centre's list, with the wanderer or without."""
        self.centre.write_list(
            [one.person for one in self.people.values() if wanderer or one.subject_id != WANDERER],
        )

    def searched(self, *, wanderer: bool) -> int:
        """Return how many subjects are searched where the list is known, with the wanderer or without."""
        return len(self.people) - len(STRANGERS) - 1 + wanderer


@contextmanager
def installation(folder: Path, people: Mapping[str, Traveller], pictures: Sequence[bytes]) -> Iterator[Installation]:
    """Set the installation up, and run it until the end of the block; `pictures` are those of exercises."""
    with ExitStack() as opened:
        for name, size_bytes in _disks().items() if can_mount() else ():
            opened.enter_context(mounted(folder / name, size_bytes))
        postgres = opened.enter_context(centre_database())
        room = opened.enter_context(line_room())
        models, logs = folder / "models", folder / "logs"
        two_packs(models)
        centre = Centre(
            CENTRE, folder / "centre", models, logs, room, postgres=postgres, watchlist=folder / "watchlist"
        )
        running = Installation(folder, people, room, centre, Port(PORT, folder / "port", models, logs, room))
        opened.callback(_end_all, running)
        running.write_list(wanderer=False)
        for site in running.sites:
            site.hire(pictures)
        addresses = [f"127.0.0.1:{opened.enter_context(kept_port())}" for site in SITES for _ in site.servers]
        centre.add_servers(addresses[:-1])
        centre.begin(running.searched(wanderer=False))
        to_centre = lines_to_servers(room, PORT_SERVER, centre.servers.values())
        shown = centre.site.device(DeviceRole.PORT, PORT_DEVICE, PORT.key)
        running.port.add_port_server(addresses[-1], to_centre, shown)
        running.port.begin(running.searched(wanderer=False))
        yield running


def _disks() -> dict[str, int]:
    """Return which folders have a disk of their own, where that is possible, and how many bytes each has."""
    disks = dict[str, int]()
    for folder, site in (("centre", CENTRE), ("port", PORT)):
        disks |= dict.fromkeys((f"{folder}/{name}" for name in site.servers), SERVER_BYTES)
        disks |= dict.fromkeys((f"{folder}/{name}/spool" for name in site.hosts), CLIENT_BYTES)
        disks |= dict.fromkeys((f"{folder}/{plan.name}/{STATE}" for plan in site.pcs), CLIENT_BYTES)
    return disks | {f"port/{PORT_SERVER}": PORT_SERVER_BYTES}


def _end_all(running: Installation) -> None:
    for line in running.room.lines.values():
        line.be(LineState.OPEN)
    for program in running.programs:
        program.thaw()
        program.kill()
