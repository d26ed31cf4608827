"""A site while it runs: its servers, capture hosts and PCs, and what they are asked past the lines.

It knows nothing of faults or of what is right.
"""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import grpc
import uuid6
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.chaos.machines.capture_hosts import CaptureHost
from benchmarks.chaos.machines.line import LineRoom, to_address
from benchmarks.chaos.machines.officers_pc import OfficersPc
from benchmarks.chaos.machines.process import Lives
from benchmarks.chaos.sites.plans import GROUPING_WINDOW_S, PcPlan, SitePlan
from benchmarks.chaos.truth import Truth
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.domain.exercises import Exercise, ExerciseSubject
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.storage.alerts.store import position_key
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.store import ExerciseStore
from cekalwatch.v1 import operations_service_pb2, session_service_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.keys import key_store
from tests.support.scenarios.people import PASSWORD, Office, person
from tests.support.scenarios.site_pki import Site

COLLEAGUE = "colleague"
"""Key of who agreed to be in exercises."""
BENCH = Actor(ActorKind.SERVER, "bench")
UPGRADING = threading.Lock()
"""Alembic has one state for all threads of a process."""
START_S = 120.0
CALL_S = 5.0
CLAIM_LEASE_S = 15
SETTINGS: Mapping[str, object] = {
    "model_pack": "light",
    "inference": "onnxruntime",
    "threads": 1,
    "threshold": 0.45,
    "grouping_window_seconds": GROUPING_WINDOW_S,
    "keep_alive_period_seconds": 2,
    "heartbeat_period_seconds": 2,
    "session_idle_minutes": 480,
    "claim_lease_seconds": CLAIM_LEASE_S,
    "escalate_after_seconds": 60,
    "late_after_seconds": 10,
}
SYNC = (
    "[watchlist.sync]",
    "period_seconds = 10",
    "retry_first_seconds = 2",
    "retry_max_seconds = 5",
    "shrink_min_orders = 2",
)


@dataclass
class SiteServer:
    """One server."""

    name: str
    address: str
    data_dir: Path
    program: Lives


@dataclass
class RunningSite(ABC):
    """A site whose programs run."""

    plan: SitePlan
    folder: Path
    """Where its machines have their disks."""
    models: Path
    """The model packs: `light`, with which the site begins, and another."""
    logs: Path
    """Where all programs of all sites log."""
    room: LineRoom
    site: Site = field(init=False)
    """Its authority, and the certificates of its devices."""
    truth: Truth = field(default_factory=Truth)
    servers: dict[str, SiteServer] = field(default_factory=dict)
    hosts: dict[str, CaptureHost] = field(default_factory=dict)
    pcs: dict[str, OfficersPc] = field(default_factory=dict)
    authority: threading.Lock = field(default_factory=threading.Lock)
    """Held by who issues or revokes."""

    def __post_init__(self) -> None:
        self.site = Site(self.folder, self.plan.key)

    @property
    def key(self) -> str:
        """Of the site."""
        return self.plan.key

    @property
    @abstractmethod
    def database_address(self) -> str:
        """Of the database, for who works beside the servers."""

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

    def database(self) -> Database:
        """Open the database as who works beside the servers does, with its keys; close it."""
        database = Database(self.database_address)
        with UPGRADING:
            database.upgrade()
        key_store(database, KeyFile(self.master_key))
        return database

    @contextmanager
    def channel(self, server: SiteServer) -> Iterator[grpc.Channel]:
        """Open a channel past the lines, as a technician's laptop."""
        with Dialer(server.address, self.site.diagnostics()).channel() as channel:
            yield channel

    def serves(self, server: SiteServer) -> bool:
        """Whether a server says that it serves."""
        with self.channel(server) as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=CALL_S)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def status(self, server: SiteServer) -> operations_service_pb2.GetStatusResponse | None:
        """Return what a server says of itself; None when it does not answer."""
        with self.channel(server) as channel:
            try:
                return OperationsServiceStub(channel).GetStatus(
                    operations_service_pb2.GetStatusRequest(), timeout=CALL_S
                )
            except grpc.RpcError:
                return None

    def searched(self) -> set[int | None]:
        """Return how many subjects the servers search; None of one that does not answer."""
        found = [self.status(server) for server in self.servers.values()]
        return {one.gallery.subjects if one else None for one in found}

    def wait_until_serving(self) -> None:
        """Wait until all servers serve. Raises ProgramError."""
        for server in self.servers.values():
            wait_until(partial(self.serves, server), START_S, f"{server.name} does not serve", server.program)

    def hire(self, pictures: Sequence[bytes]) -> None:
        """Add the people of its PCs to the database, and a colleague who agreed to be in exercises.

        `pictures`: the colleague's reference, and the recorded crops.
        """
        database = self.database()
        office = Office(database)
        for plan in self.plan.pcs:
            office.hire(person(plan.person, plan.role, sites=(self.key,)))
        database.close()
        now = datetime.now(UTC)
        agreed = ExerciseSubject(COLLEAGUE, "Sari Dewi", "W.12/34", now + timedelta(days=1), len(pictures) - 1)
        with self.exercises() as store:
            store.add_subject(agreed, pictures, AuditEntry(now, BENCH, Action.EXERCISE_SUBJECT_ADDED))

    @contextmanager
    def exercises(self) -> Iterator[ExerciseStore]:
        """Open the exercises in the database. Raises StorageError when it is away."""
        database = self.database()
        try:
            assert database.guard is not None
            yield ExerciseStore(database, database.guard.keyring)
        finally:
            database.close()

    def plan_exercise(self, camera_id: str, due_at: datetime) -> UUID:
        """Plan an exercise as the leader does, and return its key. Raises StorageError when the database is away."""
        camera = next(one for one in self.plan.cameras if one.camera_id == camera_id)
        planned = Exercise(uuid6.uuid7(), COLLEAGUE, camera_id, self.key, camera.counter, due_at)
        with self.exercises() as store:
            store.plan([planned], datetime.now(UTC))
        return planned.exercise_id

    def add_server(
        self,
        name: str,
        address: str,
        own: Mapping[str, object],
        tables: Sequence[str],
        module: str = "cekalwatch.server",
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> SiteServer:
        """Write a server's settings, `own` beside those of all and `tables` after them, and return it, not begun."""
        data_dir = self.folder / name
        settings = {
            **SETTINGS,
            "server_name": name,
            "listen": address,
            "data_dir": str(data_dir),
            "models_dir": str(self.models),
            "master_key_from": f"file:{self.master_key}",
            "tls_dir": str(self.folder / "tls"),
            "pki_dir": str(self.folder / "pki"),
            **own,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]  # JSON's texts are TOML's as well
        for plan in self.plan.cameras:
            lines += ["[[cameras]]", f'camera_id = "{plan.camera_id}"', f'site = "{self.key}"']
            lines += [f'counter = "{plan.counter}"', f'direction = "{plan.direction}"']
        config_file = self.folder / f"{name}.toml"
        config_file.write_text("\n".join([*lines, *tables, *SYNC]) + "\n", encoding="utf-8")
        program = Lives(name, ["-m", module, "serve", "--config", str(config_file)], self.logs, environment)
        self.servers[name] = SiteServer(name, address, data_dir, program)
        return self.servers[name]

    def begin(self, searched: int) -> None:
        """Start the servers and, once each searches that number, capture hosts and PCs. Raises ProgramError."""
        for server in self.servers.values():
            server.program.launch()
        self.wait_until_serving()
        wait_until(lambda: self.searched() == {searched}, START_S, f"The list of {self.key} was not loaded")
        for name, cameras in self.plan.hosts.items():
            tls = {one.camera_id: self.site.device(DeviceRole.CAMERA, one.camera_id).folder for one in cameras}
            lines, pack = self._lines_from(name), self.models / str(SETTINGS["model_pack"])
            host = CaptureHost(name, self.folder / name, lines, pack, tls, self.truth, self.logs)
            host.program.launch()
            self.hosts[name] = host
        for plan in self.plan.pcs:
            tls_dir = self.site.device(DeviceRole.NOTIFIER, plan.name).folder
            folder = self.folder / plan.name
            pc = OfficersPc(plan, folder, self._lines_from(plan.name), tls_dir, self.truth, self.logs)
            pc.session_file.keep(self._sign_in(plan))
            pc.program.launch()
            self.pcs[plan.name] = pc
        self._wait_until_all_follow()

    def _wait_until_all_follow(self) -> None:
        database = Database(self.database_address)

        def all_follow() -> bool:
            with database.connection() as connection:
                known = set(connection.exec_driver_sql("SELECT agent_id FROM agent").scalars())
            return known >= {position_key(self.key, name) for name in self.pcs}

        try:
            wait_until(all_follow, START_S, f"Not all PCs of {self.key} get events")
        finally:
            database.close()

    def _lines_from(self, client: str) -> list[str]:
        return lines_to_servers(self.room, client, self.servers.values())

    def _sign_in(self, plan: PcPlan) -> str:
        first = next(iter(self.servers.values()))
        dialer = self.site.dialer(first.address, self.site.device(DeviceRole.NOTIFIER, plan.name))
        proof = session_service_pb2.PasswordProof(sign_in_name=plan.person, password=PASSWORD)
        request = session_service_pb2.SignInRequest(password=proof)
        with dialer.channel() as channel:
            return str(SessionServiceStub(channel).SignIn(request, timeout=START_S).token)


def lines_to_servers(room: LineRoom, client: str, servers: Iterable[SiteServer]) -> list[str]:
    """Open a line from a client to each of the servers; return where they begin."""
    return [room.open(f"{client} to {server.name}", to_address(server.address)).address for server in servers]


def wait_until(holds: Callable[[], bool], within_s: float, else_say: str, program: Lives | None = None) -> None:
    """Ask until it holds. Raises ProgramError."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise ProgramError(f"{else_say} within {within_s:.0f} s.\n{program.last_lines() if program else ''}")
        time.sleep(0.2)
