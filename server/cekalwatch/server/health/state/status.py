"""The status that operators see, collected from what the parts hold in memory and from the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.program.loops import LoopState
from cekalwatch.server.alerts.fanout import Fanout
from cekalwatch.server.audit.history import RestoredBackup
from cekalwatch.server.audit.signing_state import SigningState
from cekalwatch.server.capture.deciding import Decider
from cekalwatch.server.capture.intake import Intake
from cekalwatch.server.cluster.peers import Peers, WholePresence
from cekalwatch.server.connections import ConnectionState
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.ports import PortState, Reporting
from cekalwatch.server.domain.troubles import Alarm
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.health.probes.presence import CameraPresence, ReportedRun
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.health.state.maintenance import MaintenanceReader, MaintenanceStatus
from cekalwatch.server.pki.revocations import RevocationState
from cekalwatch.server.recognition.packs.installed import Engine
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.availability import DatabaseAway
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.vision.inference import Inference

MAX_READ_S = 10.0
"""How long reading from the database may take."""


@dataclass(frozen=True)
class AgentState:
    """A notifier agent and its position in the event log."""

    agent_id: str
    server: str
    """Where it is subscribed; empty while it is not."""
    acknowledged_sequence: int


@dataclass(frozen=True)
class ServerStatus:
    """The state of this server at one moment, and of the cameras and agents of all that share the database."""

    server_version: str
    started_at: datetime
    thread_budget: int
    snapshot: GallerySnapshot
    model_pack: str
    inference: Inference
    freshness: Freshness
    outcomes: dict[CaptureOutcome, int]
    alerts_raised: int
    unplaceable: int
    """Captures that were rejected because their time could not be placed."""
    head_sequence: int
    cameras: tuple[tuple[Camera, CameraPresence, str], ...]
    """Each with the name of the server that heard it last; empty when none has."""
    policies: Mapping[str, CapturePolicy]
    """What each camera may send, by its key."""
    agents: tuple[AgentState, ...]
    servers: tuple[ReportedRun, ...]
    """This one first."""
    leader_id: str
    """Key of the run of the server that does the jobs of the database; empty while none does."""
    alarms: tuple[Alarm, ...]
    """Those that are open."""
    revocations: RevocationState | None
    """None where no lists are followed."""
    revocations_stale: bool
    loops: tuple[LoopState, ...]
    signing: SigningState
    connections: ConnectionState
    restored_backup: RestoredBackup | None
    """The backup that the site was restored from last; None: it never was."""
    database: DatabaseAway | None
    """Why the database cannot be used, in which case the status is that of this server alone; None while it can."""
    ports: tuple[PortState, ...]
    """The ports that report to this centre."""
    reporting: Reporting | None
    """State of the reports to the centre; None where this server sends none."""
    maintenance: MaintenanceStatus
    at: datetime


@dataclass(frozen=True)
class DatabaseStatus:
    """The part of the status that is read from the database."""

    positions: Mapping[str, int]
    """The last acknowledged sequence of each agent."""
    whole: WholePresence
    leader_id: str
    maintenance: MaintenanceStatus
    ports: tuple[PortState, ...] = ()


@dataclass(frozen=True)
class StatusService:
    """Collects the status from the parts of the server."""

    started_at: datetime
    thread_budget: int
    engine: Callable[[], Engine]
    cameras: tuple[Camera, ...]
    policies: Callable[[], Mapping[str, CapturePolicy]]
    snapshot: Callable[[], GallerySnapshot]
    freshness: FreshnessGauge
    intake: Intake
    decider: Decider
    fanout: Fanout
    peers: Peers
    leader_id: Callable[[], str]
    """Reads which server's run does the jobs of the database; it blocks."""
    alerts: AlertStore
    ports: Callable[[], list[PortState]]
    """Reads the state of each port; it blocks."""
    alarms: Callable[[], tuple[Alarm, ...]]
    """Those that are open."""
    health: Health
    connections: Callable[[], ConnectionState]
    restored_backup: RestoredBackup | None
    maintenance: MaintenanceReader

    async def status(self) -> ServerStatus:
        """Return the status, with the database read now; of this server alone while the database cannot be used.

        Raises StorageError when it cannot be read although it is there.
        """
        return self.combine(await self._stored())

    async def _stored(self) -> DatabaseStatus:
        if self.health.database() is None:
            try:
                async with asyncio.timeout(MAX_READ_S):
                    return await asyncio.to_thread(self.read)
            except TimeoutError:
                problem = StorageError("it takes too long to read")
            except StorageError as error:
                problem = error
            if self.health.database() is None:
                raise problem
        return DatabaseStatus(
            {}, self.peers.alone(), "", await asyncio.to_thread(self.maintenance.read_without_database)
        )

    def read(self) -> DatabaseStatus:
        """Read the part that is in the database; it blocks. Raises StorageError."""
        return DatabaseStatus(
            self.alerts.positions(), self.peers.whole(), self.leader_id(), self.maintenance.read(), tuple(self.ports())
        )

    def combine(self, stored: DatabaseStatus) -> ServerStatus:
        """Return the status now, with what was read; it does not block, and any thread may call it."""
        positions, whole = stored.positions, stored.whole
        nobody = (CameraPresence(), "")
        engine = self.engine()
        return ServerStatus(
            server_version=version("cekalwatch"),
            started_at=self.started_at,
            thread_budget=self.thread_budget,
            snapshot=self.snapshot(),
            model_pack=engine.pack.name,
            inference=engine.inference,
            freshness=self.freshness.now(),
            outcomes=dict(self.intake.outcomes),
            alerts_raised=self.decider.alerts_raised,
            unplaceable=self.intake.unplaceable,
            head_sequence=self.fanout.head,
            cameras=tuple((camera, *whole.cameras.get(camera.camera_id, nobody)) for camera in self.cameras),
            policies=self.policies(),
            agents=tuple(
                AgentState(agent_id, whole.agents.get(agent_id, ""), positions.get(agent_id, 0))
                for agent_id in sorted(whole.agents.keys() | positions.keys())
            ),
            servers=whole.servers,
            leader_id=stored.leader_id,
            alarms=self.alarms(),
            revocations=self.health.revocations(),
            revocations_stale=self.health.stale_revocations is not None,
            loops=self.health.loops(),
            signing=self.health.signing(),
            connections=self.connections(),
            restored_backup=self.restored_backup,
            database=self.health.database(),
            ports=stored.ports,
            reporting=self.health.reporting(),
            maintenance=stored.maintenance,
            at=self.health.clock.now(),
        )
