"""The port: three servers on a PostgreSQL with a standby, two capture hosts, five PCs, and the lines between them.

It starts them, asks them how they are, and ends them; it knows nothing of faults or of what is right.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.chaos.machines.capture_hosts import CaptureHost
from benchmarks.chaos.machines.database import PortDatabase, port_database
from benchmarks.chaos.machines.disk import can_mount, mounted
from benchmarks.chaos.machines.line import Line, LineRoom, LineState, line_room, to_address
from benchmarks.chaos.machines.officers_pc import STATE, OfficersPc, PcPlan
from benchmarks.chaos.machines.process import Lives
from benchmarks.chaos.people import WANDERER, Traveller
from benchmarks.chaos.truth import Truth
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import operations_service_pb2, session_service_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.vocabulary.people import PersonRole
from deploy.demo.stack import CameraPlan, kept_port
from deploy.demo.watchlist import ORDERS_FILE, write_watchlist
from tests.support.builders.keys import key_store
from tests.support.scenarios.people import PASSWORD, Office, person
from tests.support.scenarios.site_pki import SITE, Site
from tests.support.tools.second_pack import two_packs

SERVERS = ("server-1", "server-2", "server-3")
HOSTS: Mapping[str, tuple[CameraPlan, ...]] = {
    "host-1": (CameraPlan("gate-1", "D1"), CameraPlan("gate-2", "D2")),
    "host-2": (CameraPlan("gate-3", "D3"), CameraPlan("gate-4", "A1", "ARRIVAL")),
}
PCS = (
    PcPlan("pc-1", "ani", PersonRole.OFFICER),
    PcPlan("pc-2", "budi", PersonRole.OFFICER),
    PcPlan("pc-3", "citra", PersonRole.OFFICER, ("D1",)),
    PcPlan("pc-4", "dedi", PersonRole.OFFICER, ("D2", "D3")),
    PcPlan("pc-5", "siti", PersonRole.SUPERVISOR),
)
DISKS: Mapping[str, int] = {
    **dict.fromkeys(SERVERS, 30_000_000),
    **{f"{name}/spool": 20_000_000 for name in HOSTS},
    **{f"{plan.name}/{STATE}": 20_000_000 for plan in PCS},
}
"""Folders with a disk of their own, where that is possible, and how many bytes each has."""
START_S = 120.0
CALL_S = 5.0
GROUPING_WINDOW_S = 6.0
SETTINGS: Mapping[str, object] = {
    "model_pack": "light",
    "inference": "onnxruntime",
    "threads": 1,
    "threshold": 0.45,
    "grouping_window_s": GROUPING_WINDOW_S,
    "keep_alive_period_s": 2,
    "heartbeat_period_s": 2,
    "session_idle_min": 480,
    "claim_lease_s": 15,
    "escalate_after_s": 60,
    "late_after_s": 10,
}


@dataclass
class PortServer:
    """One server."""

    name: str
    address: str
    config_file: Path
    data_dir: Path
    program: Lives


@dataclass
class Port:
    """The running port; `port` opens it."""

    folder: Path
    people: Mapping[str, Traveller]
    truth: Truth
    site: Site
    postgres: PortDatabase
    room: LineRoom
    servers: dict[str, PortServer] = field(default_factory=dict)
    hosts: dict[str, CaptureHost] = field(default_factory=dict)
    pcs: dict[str, OfficersPc] = field(default_factory=dict)
    authority: threading.Lock = field(default_factory=threading.Lock)
    """Held by who issues or revokes."""
    _today: date = field(default_factory=lambda: datetime.now(UTC).date())
    """The list keeps its dates over midnight."""

    @property
    def logs(self) -> Path:
        """Where all programs log."""
        return self.folder / "logs"

    @property
    def watchlist(self) -> Path:
        """The folder from which the servers take the list."""
        return self.folder / "watchlist"

    @property
    def models(self) -> Path:
        """The model packs: `light`, with which the port begins, and another."""
        return self.folder / "models"

    @property
    def master_key(self) -> Path:
        """The file with the key that opens the database."""
        return self.folder / "master.key"

    @property
    def programs(self) -> Iterator[Lives]:
        """All programs."""
        yield from (one.program for one in self.servers.values())
        yield from (one.program for one in self.hosts.values())
        yield from (one.program for one in self.pcs.values())

    def lines_of(self, end: str) -> list[Line]:
        """Return the lines that begin or end at a machine."""
        return [line for name, line in self.room.lines.items() if end in name.split(" to ")]

    def database(self) -> Database:
        """Open the database as who works beside the servers does, with its keys; close it."""
        database = Database(self.postgres.address)
        database.upgrade()
        key_store(database, KeyFile(self.master_key))
        return database

    def write_list(self, *, wanderer: bool) -> None:
        """Write the watchlist, with the wanderer or without; a table is replaced as a whole."""
        people = [one.person for one in self.people.values() if wanderer or one.subject_id != WANDERER]
        draft = self.folder / "watchlist draft"
        write_watchlist(people, draft, self._today)
        self.watchlist.mkdir(exist_ok=True)
        for file in sorted(draft.iterdir(), key=lambda file: file.name == ORDERS_FILE):  # what it names comes first
            file.replace(self.watchlist / file.name)

    def replace_list(self, table: bytes) -> None:
        """Put another table of orders in place of the present one."""
        draft = self.folder / "watchlist draft" / ORDERS_FILE
        draft.write_bytes(table)
        draft.replace(self.watchlist / ORDERS_FILE)

    @contextmanager
    def channel(self, server: PortServer) -> Iterator[grpc.Channel]:
        """Open a channel past the lines, as a technician's laptop."""
        with Dialer(server.address, self.site.diagnostics()).channel() as channel:
            yield channel

    def serves(self, server: PortServer) -> bool:
        """Whether a server says that it serves."""
        with self.channel(server) as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=CALL_S)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def status(self, server: PortServer) -> operations_service_pb2.GetStatusResponse | None:
        """Return what a server says of itself; None when it does not answer."""
        with self.channel(server) as channel:
            try:
                return OperationsServiceStub(channel).GetStatus(
                    operations_service_pb2.GetStatusRequest(), timeout=CALL_S
                )
            except grpc.RpcError:
                return None

    def searched(self) -> list[int | None]:
        """Return how many subjects each server searches; None of one that does not answer."""
        found = [self.status(server) for server in self.servers.values()]
        return [one.gallery.subjects if one else None for one in found]

    def wait_until_serving(self) -> None:
        """Wait until all servers serve. Raises ProgramError."""
        for server in self.servers.values():
            wait_until(partial(self.serves, server), START_S, f"{server.name} does not serve", server.program)


def wait_until(holds: Callable[[], bool], within_s: float, else_say: str, program: Lives | None = None) -> None:
    """Ask until it holds. Raises ProgramError."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise ProgramError(f"{else_say} within {within_s:.0f} s.\n{program.last_lines() if program else ''}")
        time.sleep(0.2)


@contextmanager
def port(folder: Path, people: Mapping[str, Traveller], truth: Truth) -> Iterator[Port]:
    """Set the port up, and run it until the end of the block."""
    with ExitStack() as opened:
        site = Site(folder)
        for name, size_bytes in DISKS.items() if can_mount() else ():
            opened.enter_context(mounted(folder / name, size_bytes))
        postgres = opened.enter_context(port_database())
        room = opened.enter_context(line_room())
        running = Port(folder, people, truth, site, postgres, room)
        opened.callback(_end_all, running)
        two_packs(running.models)
        running.write_list(wanderer=False)
        _hire(running)
        for name in SERVERS:
            address = f"127.0.0.1:{opened.enter_context(kept_port())}"
            running.servers[name] = _server(running, name, address)
        _begin(running)
        yield running


def _hire(running: Port) -> None:
    database = running.database()
    office = Office(database)
    for plan in PCS:
        office.hire(person(plan.person, plan.role))
    database.close()


def _server(running: Port, name: str, address: str) -> PortServer:
    folder = running.folder
    hosts = "&".join(f"host={_line_to_node(running, name, number)}" for number in (1, 2))
    data_dir = folder / name
    settings = {
        **SETTINGS,
        "server_name": name,
        "listen": address,
        "data_dir": str(data_dir),
        "models_dir": str(running.models),
        "database_url": f"postgresql://postgres@/{running.postgres.name}?{hosts}",
        "master_key_from": f"file:{running.master_key}",
        "tls_dir": str(folder / "tls"),
        "pki_dir": str(folder / "pki"),
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]  # JSON's texts are TOML's as well
    lines += ["[[sites]]", f"site = {json.dumps(SITE)}"]
    for plan in (one for cameras in HOSTS.values() for one in cameras):
        lines += ["[[cameras]]", f'camera_id = "{plan.camera_id}"', f'site = "{SITE}"']
        lines += [f'counter = "{plan.counter}"', f'direction = "{plan.direction}"']
    lines += ["[watchlist.source]", 'kind = "folder"', f"path = {json.dumps(str(running.watchlist))}"]
    lines += ["[watchlist.sync]", "period_s = 10", "retry_first_s = 2", "retry_most_s = 5", "shrink_least = 2"]
    config_file = folder / f"{name}.toml"
    config_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    program = Lives(name, ["-m", "cekalwatch.server", "serve", "--config", str(config_file)], running.logs)
    return PortServer(name, address, config_file, data_dir, program)


def _line_to_node(running: Port, server: str, number: int) -> str:
    node = running.postgres.nodes[number - 1]
    return running.room.open(f"{server} to database-{number}", to_address(f"127.0.0.1:{node.port}")).address


def _begin(running: Port) -> None:
    for server in running.servers.values():
        server.program.launch()
    running.wait_until_serving()
    wait_until(lambda: set(running.searched()) == {len(running.people) - 3}, START_S, "The list was not loaded")
    for name, cameras in HOSTS.items():
        tls = {one.camera_id: running.site.device(DeviceRole.CAMERA, one.camera_id).folder for one in cameras}
        addresses = _lines_to_servers(running, name)
        host = CaptureHost(name, running.folder / name, addresses, tls, running.truth, running.logs)
        host.program.launch()
        running.hosts[name] = host
    for plan in PCS:
        tls_dir = running.site.device(DeviceRole.NOTIFIER, plan.name).folder
        addresses = _lines_to_servers(running, plan.name)
        pc = OfficersPc(plan, running.folder / plan.name, addresses, tls_dir, running.truth, running.logs)
        pc.session_file.keep(_sign_in(running, plan))
        pc.program.launch()
        running.pcs[plan.name] = pc
    database = Database(running.postgres.address)

    def all_follow() -> bool:
        with database.connection() as connection:
            return set(connection.exec_driver_sql("SELECT agent_id FROM agent").scalars()) >= set(running.pcs)

    wait_until(all_follow, START_S, "Not all PCs get events")
    database.close()


def _lines_to_servers(running: Port, client: str) -> list[str]:
    return [
        running.room.open(f"{client} to {server.name}", to_address(server.address)).address
        for server in running.servers.values()
    ]


def _sign_in(running: Port, plan: PcPlan) -> str:
    dialer = running.site.dialer(
        next(iter(running.servers.values())).address, running.site.device(DeviceRole.NOTIFIER, plan.name)
    )
    proof = session_service_pb2.PasswordProof(sign_in_name=plan.person, password=PASSWORD)
    with dialer.channel() as channel:
        answer = SessionServiceStub(channel).SignIn(session_service_pb2.SignInRequest(password=proof), timeout=START_S)
        return str(answer.token)


def _end_all(running: Port) -> None:
    for line in running.room.lines.values():
        line.be(LineState.OPEN)
    for program in running.programs:
        program.thaw()
        program.kill()
