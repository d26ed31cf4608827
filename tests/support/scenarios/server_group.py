"""Several servers of one site, each a process with an address and a folder of its own, on one PostgreSQL."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.server.settings.settings import OLD_NAMES, ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.dialer import Dialer, ServerChoice
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import FollowedTls
from deploy.demo.camera import camera_program
from deploy.demo.office.notifier import Notifier
from deploy.demo.programs import Program, run_to_end, wait_until
from deploy.demo.stack import kept_port
from tests.support.scenarios.server import CAMERAS, list_astronaut
from tests.support.scenarios.site_pki import Site
from tests.support.tools.packs import light_pack

START_S = 60.0
CALL_S = 5.0


@dataclass
class GroupMember:
    """One server, whichever process it is at the moment."""

    name: str
    address: str
    config_file: Path
    program: Program | None = None
    python: str | Path = sys.executable
    """With the version of the programs that it runs."""


@dataclass
class ServerGroup:
    """The servers; `people` sign in at any, for sessions are in the database."""

    site: Site
    settings: ServerSettings
    """Of whoever works on the database beside the servers."""
    members: list[GroupMember]
    logs: Path
    _opened: ExitStack = field(default_factory=ExitStack)

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(member.address for member in self.members)

    def at(self, address: str) -> GroupMember:
        return next(member for member in self.members if member.address == address)

    def launch(self, member: GroupMember) -> Program:
        """Start a server, and do not wait for it."""
        arguments = ["-m", "cekalwatch.server", "serve", "--config", str(member.config_file)]
        member.program = self._opened.enter_context(Program(member.name, arguments, self.logs, python=member.python))
        return member.program

    def wait_for(self, member: GroupMember) -> None:
        """Wait until a server that was launched serves."""
        assert member.program is not None
        with Dialer(member.address, self.site.diagnostics()).channel() as channel:
            health = health_pb2_grpc.HealthStub(channel)

            def serving() -> bool:
                try:
                    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=CALL_S)
                except grpc.RpcError:
                    return False
                return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

            wait_until(serving, START_S, "Serving", member.program)

    def upgrade(self, member: GroupMember, python: str | Path) -> None:
        """Let a server end as it does for an upgrade, and start it again with that interpreter's version."""
        assert member.program is not None
        member.program.stop()
        member.python = python
        self.launch(member)
        self.wait_for(member)

    def kill(self, address: str) -> None:
        """End a server as a power cut does."""
        program = self.at(address).program
        assert program is not None
        program.kill()

    def dialer(self, role: DeviceRole, name: str) -> Dialer:
        """Return what opens channels to them as that device."""
        followed = FollowedTls(self.site.device(role, name), self.site.problems.append)
        return Dialer(ServerChoice(self.addresses, name), followed)

    def command(self, member: GroupMember, *arguments: str) -> None:
        """Run a command of `cekalwatch-server` of the member's version and settings. Raises ProgramError."""
        options = ["-m", "cekalwatch.server", *arguments, "--config", str(member.config_file)]
        run_to_end(arguments[0], options, self.logs, START_S, python=member.python)

    def camera(self, camera_id: str, clip: Path, python: str | Path = sys.executable) -> Program:
        """Start a camera client, which knows all the servers, on a video file."""
        tls_dir, folder = self.site.device(DeviceRole.CAMERA, camera_id).folder, self.logs.parent
        program = camera_program(camera_id, clip, ",".join(self.addresses), tls_dir, folder, light_pack(), python)
        return self._opened.enter_context(program)

    def notifier(
        self, agent_id: str, folder: Path, python: str | Path = sys.executable, *, rings: bool = True
    ) -> Notifier:
        """Start the console of a PC, which knows all the servers, and wait until it gets what comes from now on.

        `rings`: False for a release without that option.
        """
        files = self.site.device(DeviceRole.NOTIFIER, agent_id)
        servers = ",".join(self.addresses)
        notifier = Notifier(agent_id, servers, files.folder, folder, lambda _: None, python, rings=rings)
        self._opened.enter_context(notifier.program)
        self.wait_for_positions([agent_id], notifier.program)
        return notifier

    def wait_for_positions(self, agent_ids: Sequence[str], *programs: Program) -> None:
        """Wait until each of these PCs gets what comes from now on: before, it has none of what has been."""
        with closing(Database(self.settings.database_address)) as database:

            def has_position() -> bool:
                with database.engine.connect() as connection:
                    known = connection.exec_driver_sql("SELECT agent_id FROM agent").scalars()
                    return {*agent_ids} <= {one.rpartition("/")[2] for one in known}  # behind the site, if it has one

            wait_until(has_position, START_S, f"The connection of {' and '.join(agent_ids)}", *programs)

    def close(self) -> None:
        self._opened.close()


@contextmanager
def server_group(
    folder: Path,
    database_url: str,
    servers: int = 3,
    python: str | Path = sys.executable,
    cameras: Sequence[Mapping[str, str]] = CAMERAS,
) -> Iterator[ServerGroup]:
    """Run so many servers that have the portrait on their list, with that interpreter's version of the programs."""
    site = Site(folder)
    shared = {
        "database_url": database_url,
        "master_key_from": f"file:{folder / 'master.key'}",
        "grouping_window_seconds": 0,
        "keep_alive_period_seconds": 1,
        "threads": 1,
    }
    settings = site.settings(**shared, cameras=cameras)
    list_astronaut(settings)
    with ExitStack() as ports:
        members = []
        for number in range(1, servers + 1):
            name, address = f"server-{number}", f"127.0.0.1:{ports.enter_context(kept_port())}"
            own = {"listen": address, "server_name": name, "data_dir": str(folder / name)}
            own |= {"tls_dir": str(folder / "tls"), "pki_dir": str(folder / "pki")}
            config_file = folder / f"{name}.toml"
            config_file.write_text(_toml(settings, shared | own, of_release=python != sys.executable))
            members.append(GroupMember(name, address, config_file, python=python))
        group = ServerGroup(site, settings, members, folder / "logs")
        ports.callback(group.close)
        for member in members:
            group.launch(member)
        for member in members:
            group.wait_for(member)
        yield group


def _toml(settings: ServerSettings, own: dict[str, object], *, of_release: bool) -> str:
    """Return a settings file; `of_release`: by the names of 0.2.0, which this version reads too."""
    names = {"models_dir", "model_pack", "threshold", "escalate_after_seconds", "inference"}
    common = settings.model_dump(mode="json", include=names)
    # JSON's strings and numbers are TOML's as well.
    called = {new: old for old, new in OLD_NAMES.items() if "." not in old} if of_release else {}
    lines = [f"{called.get(name, name)} = {json.dumps(value)}" for name, value in (common | own).items()]
    for camera in settings.cameras:
        lines += ["", "[[cameras]]", f'camera_id = "{camera.camera_id}"', f'site = "{camera.site}"']
        lines += [f'counter = "{camera.counter}"', f'direction = "{camera.direction}"']
    return "\n".join(lines) + "\n"
