"""A site on one machine: server, notifier and cameras as processes of their own, as they run in an office.

Demonstration, end-to-end tests and benchmarks use it. It knows how to start, ask and stop the programs, and nothing
of scenes or verdicts.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.session_file import SessionFile
from cekalwatch.server.watchlist.sources.settings import CENTRE_TLS_DIR
from cekalwatch.v1 import alert_pb2, alert_service_pb2, operations_service_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from deploy.demo.camera import camera_program
from deploy.demo.office.notifier import Notifier, OnEvent, notifier_paths
from deploy.demo.office.officers import sign_officer_in
from deploy.demo.programs import Program, run_to_end, wait_until

START_SECONDS = 60.0
CALL_SECONDS = 10.0
INSTALL_SECONDS = 300.0
"""Packages are fetched from registries, which may be slow."""
OBSERVER = "stack"
"""Name of this side's own certificates: one to ask for the status, one to read the event log."""


class Transport(StrEnum):
    """Whether the programs use certificates."""

    TLS = "TLS"
    """With certificates of an authority made for this site, as in an office."""
    PLAINTEXT = "PLAINTEXT"
    """Without; possible on one machine only."""


@dataclass(frozen=True)
class CameraPlan:
    """A camera of the site, as the server's configuration gets it."""

    camera_id: str
    counter: str = "D1"
    direction: str = "DEPARTURE"


@dataclass(frozen=True)
class StackConfig:
    """The configuration of the site."""

    folder: Path
    """Database, configuration and logs go here; what an earlier run left there is used."""
    models: Path
    """Folder of model packs; the pack must be in it."""
    cameras: tuple[CameraPlan, ...] = (CameraPlan("departure-1"),)
    site: str = "batam-center"
    model_pack: str = "standard"
    transport: Transport = Transport.TLS
    settings: Mapping[str, int | float | str] = field(default_factory=dict)
    """More settings of the server."""
    followed_watchlist: Path | None = None
    """Folder of a watchlist that the server follows by itself; None: it gets what is imported."""
    enrols: bool = False
    """Whether devices can be invited: enrolment has a port of its own. With certificates only."""
    ports: tuple[str, ...] = ()
    """Sites of ports with servers of their own, to which this one gives its list."""
    centre: str = ""
    """HOST:PORT of the server whose list this one follows; its certificate for that is in `centre_tls`."""
    server_python: str | Path = sys.executable
    """Runs the server and its commands; another one finds another version of it."""
    client_python: str | Path = sys.executable
    """Runs cameras and notifiers."""
    client_rings: bool = True
    """Whether its notifiers know the option --rings; 0.2.0 does not."""

    @property
    def centre_tls(self) -> Path:
        """Folder of the certificate with which this server shows itself at its centre."""
        return self.folder / "server" / CENTRE_TLS_DIR


class Stack:
    """The running site; a context manager that starts the server, and stops everything that it started."""

    def __init__(self, config: StackConfig) -> None:
        self.config = config
        self.logs = config.folder / "logs"
        self.config_file = config.folder / "server.toml"
        self.cameras: dict[str, Program] = {}
        """The newest client of each camera, which may have ended."""
        self._open = ExitStack()
        self.address = f"127.0.0.1:{self._open.enter_context(kept_port())}"
        self._enrolment = f"127.0.0.1:{self._open.enter_context(kept_port())}" if config.enrols else ""

    def __enter__(self) -> Self:
        self.config.folder.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(self._toml(), encoding="utf-8")
        if self.config.transport is Transport.TLS:
            self._make_authority()
        with self._open as started:
            server = self.launch_server()
            self._channel = started.enter_context(self.dialer(DeviceRole.DIAGNOSTICS, OBSERVER).channel())
            wait_until(self._serving, START_SECONDS, "Serving", server)
            self._open = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def start_server(self) -> Program:
        """Start the server, again after it was killed, and wait until its health service says SERVING."""
        server = self.launch_server()
        wait_until(self._serving, START_SECONDS, "Serving", server)
        return server

    def launch_server(self) -> Program:
        """Start the server without waiting for it; tests kill it while it starts."""
        arguments = ["-m", "cekalwatch.server", "serve", "--config", str(self.config_file)]
        program = Program("server", arguments, self.logs, python=self.config.server_python)
        self.server = self._open.enter_context(program)
        return self.server

    def import_watchlist(self, folder: Path) -> None:
        """Import a watchlist folder through the running server. Raises ProgramError when anything was refused."""
        self.run_server_command("watchlist", "import", str(folder))

    def delete_subject(self, subject_id: str) -> None:
        """Delete somebody from the list with all that is stored about them. Raises ProgramError."""
        self.run_server_command("watchlist", "delete", subject_id, "--yes")

    def wait_for_gallery(self, subjects: int) -> None:
        """Wait until the server searches at least `subjects` subjects: it polls for changes of the list."""
        wait_until(
            lambda: self.status().gallery.subjects >= subjects, START_SECONDS, "Loading the gallery", self.server
        )

    def start_notifier(
        self, agent_id: str, on_event: OnEvent = lambda _: None, role: PersonRole = PersonRole.OFFICER
    ) -> Notifier:
        """Start the console of an officer or somebody else, and wait until the server counts it as connected.

        `on_event` gets each event as the console prints it.
        """
        tls_dir = self.certificate(DeviceRole.NOTIFIER, agent_id)
        self.sign_in(agent_id, role)
        config = self.config
        notifier = Notifier(
            agent_id, self.address, tls_dir, config.folder, on_event, config.client_python, rings=config.client_rings
        )
        self._open.enter_context(notifier.program)

        def connected() -> bool:
            return any(agent.agent_id == agent_id and agent.connected for agent in self.status().agents)

        wait_until(connected, START_SECONDS, "The notifier's connection", notifier.program, self.server)
        return notifier

    def sign_in(self, agent_id: str, role: PersonRole = PersonRole.OFFICER) -> None:
        """Sign somebody in on the agent's PC; without certificates nobody needs to."""
        if self.config.transport is Transport.TLS:
            paths = notifier_paths(self.config.folder, self.certificate(DeviceRole.NOTIFIER, agent_id))
            pythons = self.config.server_python, self.config.client_python
            sign_officer_in(agent_id, self.config.site, self.config_file, self.address, paths, role, *pythons)

    def work_on_alert(self, agent_id: str, step: str, alert_id: str, *options: str) -> None:
        """Let the person at an agent's PC do a step of `cekalwatch-notifier alerts`. Raises ProgramError."""
        paths = notifier_paths(self.config.folder, self.certificate(DeviceRole.NOTIFIER, agent_id))
        command = ["-m", "cekalwatch.notifier", "alerts", step, alert_id, *options, "--agent-id", agent_id]
        command += ["--server", self.address]
        python = self.config.client_python
        run_to_end(f"alerts-{step}", command, self.logs, START_SECONDS, paths, python, gives_way=True)

    def token(self, agent_id: str) -> str:
        """Return the token of the person who signed in on the agent's PC."""
        return SessionFile(self.config.folder / "notifier" / f"session-{agent_id}").token()

    def start_camera(self, camera_id: str, source: Path) -> Program:
        """Start a camera client on a video file, at the video's own speed; it ends with the video."""
        config, tls_dir = self.config, self.certificate(DeviceRole.CAMERA, camera_id)
        detector, python = config.models / config.model_pack, config.client_python
        program = camera_program(camera_id, source, self.address, tls_dir, config.folder, detector, python)
        self.cameras[camera_id] = program
        return self._open.enter_context(program)

    def certificate(self, role: DeviceRole, name: str) -> Path:
        """Return the folder of a device's certificate, issued when it has none; it does not exist with plaintext."""
        folder = self.config.folder / "tls" / f"{role}-{name}"
        if self.config.transport is Transport.TLS and not folder.exists():
            self.pki("issue", "--role", role, "--name", name, "--site", self.config.site, "--out", str(folder))
        return folder

    def issue_for_port(self, site: str, folder: Path) -> None:
        """Issue the certificate with which the server of a port shows itself here, unless the folder has one."""
        if not folder.exists():
            self.pki("issue", "--role", DeviceRole.PORT, "--name", "main", "--site", site, "--out", str(folder))

    def pki(self, *arguments: str) -> None:
        """Run `cekalwatch-server pki` on this site. Raises ProgramError when it fails."""
        self.run_server_command("pki", *arguments)

    def run_server_command(self, *arguments: str) -> None:
        """Run a command of `cekalwatch-server` on this site. Raises ProgramError when it fails."""
        command = ["-m", "cekalwatch.server", *arguments, "--config", str(self.config_file)]
        run_to_end(arguments[0], command, self.logs, START_SECONDS, python=self.config.server_python)

    def _make_authority(self) -> None:
        if not (self.config.folder / "server" / "pki").exists():
            self.pki("init")
            self.pki("issue", "--role", DeviceRole.SERVER, "--name", "main", "--host", "localhost")

    def dialer(self, role: DeviceRole, name: str) -> Dialer:
        """Return what opens channels to the server as that device."""
        return open_dialer(self.address, self.certificate(role, name))

    def status(self) -> operations_service_pb2.GetStatusResponse:
        """Return the server's status."""
        stub = OperationsServiceStub(self._channel)
        return stub.GetStatus(operations_service_pb2.GetStatusRequest(), timeout=CALL_SECONDS)

    def sign_observer_in(self) -> None:
        """Sign in the auditor who reads the log, unless it is done: it takes seconds."""
        if not self.token(OBSERVER):
            self.sign_in(OBSERVER, PersonRole.AUDITOR)

    def event_log(self) -> list[alert_pb2.AlertEvent]:
        """Return every alert event that the server holds, as an auditor who signs in for it: no look comes first."""
        head = self.status().head_sequence
        events: list[alert_pb2.AlertEvent] = []
        if not head:
            return events
        request = alert_service_pb2.SubscribeAlertsRequest(agent_id=OBSERVER)
        request.from_start.SetInParent()
        self.sign_observer_in()
        with self.dialer(DeviceRole.NOTIFIER, OBSERVER).channel() as channel:
            follow = AlertServiceStub(channel).SubscribeAlerts
            for response in follow(request, timeout=CALL_SECONDS, metadata=bearer(self.token(OBSERVER))):
                if response.WhichOneof("message") == "event":
                    events.append(response.event)
                    if response.event.sequence >= head:
                        break
        return events

    def _serving(self) -> bool:
        stub = health_pb2_grpc.HealthStub(self._channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def _toml(self) -> str:
        config = self.config
        settings: dict[str, int | float | str] = {
            "listen": self.address,
            "data_dir": str(config.folder / "server"),
            "models_dir": str(config.models),
            "model_pack": config.model_pack,
            "enrolment_listen": self._enrolment,
            **config.settings,
        }
        # JSON's strings and numbers are TOML's as well.
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        for site in (config.site, *config.ports):
            lines += ["", "[[sites]]", f"site = {json.dumps(site)}"]
        for camera in config.cameras:
            lines += ["", "[[cameras]]", f"camera_id = {json.dumps(camera.camera_id)}"]
            lines += [f"site = {json.dumps(config.site)}", f"counter = {json.dumps(camera.counter)}"]
            lines += [f"direction = {json.dumps(camera.direction)}"]
        if config.centre:
            lines += ["", "[watchlist.source]", 'kind = "centre"', f"addresses = [{json.dumps(config.centre)}]"]
        if config.followed_watchlist:
            lines += [
                "",
                "[watchlist.source]",
                'kind = "folder"',
                f"path = {json.dumps(str(config.followed_watchlist))}",
            ]
        return "\n".join(lines) + "\n"


def install_standard(models: Path, logs: Path) -> None:
    """Build the model pack `standard` in the folder `models`, unless it is there and sound."""
    arguments = ["-m", "cekalwatch.server", "models", "install", "standard", "--models-dir", str(models)]
    run_to_end("models-install", arguments, logs, INSTALL_SECONDS)


@contextmanager
def kept_port() -> Iterator[int]:
    """Reserve a port of 127.0.0.1 on which a server can listen, also again after it was killed.

    A socket that never listens is bound to it, so that nobody else gets it as a free port. Servers may share it: they
    set SO_REUSEADDR as that socket does.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield int(keeper.getsockname()[1])
