"""The status that operators see, collected from what the parts hold in memory and from the database."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cekalwatch.contract.values.cameras import Heartbeat
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.contract.values.status import (
    AgentStatus,
    CameraStatus,
    CaptureCounts,
    ConnectionState,
    DatabaseState,
    GalleryStatus,
    InferenceStatus,
    MaintenanceStatus,
    RestoredBackup,
    RevocationStatus,
    RunningServer,
    ServerStatus,
)
from cekalwatch.program.version import version
from cekalwatch.server.alerts.fanout import Fanout
from cekalwatch.server.capture.deciding import Decider
from cekalwatch.server.capture.processing import CaptureProcessor
from cekalwatch.server.cluster.peers import Peers, WholePresence
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.ports import PortState
from cekalwatch.server.domain.presence import CameraPresence, ReportedRun
from cekalwatch.server.encryption.keyring import KeyPurpose
from cekalwatch.server.foundation.clock import Clock, lately
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.recognition.packs.installed import Engine
from cekalwatch.server.storage.alerts.store import AlertStore, lowest_positions
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.keys.store import KeyEntry, KeyStore
from cekalwatch.server.watchlist.freshness import FreshnessGauge

MAX_READ_S = 10.0
"""How long reading from the database may take."""


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
    processor: CaptureProcessor
    decider: Decider
    fanout: Fanout
    peers: Peers
    leader_id: Callable[[], str]
    """Reads which server's run does the jobs of the database; it blocks."""
    alerts: AlertStore
    ports: Callable[[], list[PortState]]
    """Reads the state of each port; it blocks."""
    alarms: Callable[[], tuple[StoredAlarm, ...]]
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
            lowest_positions(self.alerts.positions()),
            self.peers.whole(),
            self.leader_id(),
            self.maintenance.read(),
            tuple(self.ports()),
        )

    def combine(self, stored: DatabaseStatus) -> ServerStatus:
        """Return the status now, with what was read; it does not block, and any thread may call it."""
        positions, whole, now = stored.positions, stored.whole, self.health.clock.now()
        engine, policies, nobody = self.engine(), self.policies(), (CameraPresence(), "")
        inference, outcomes, away = engine.inference, self.processor.outcomes, self.health.database()
        revocations, stale = self.health.revocations(), self.health.stale_revocations is not None
        subscribed = {
            agent_id: whole.agents.get(agent_id, "") for agent_id in sorted(whole.agents.keys() | positions.keys())
        }
        return ServerStatus(
            server_version=version(),
            started_at=self.started_at,
            thread_budget=self.thread_budget,
            gallery=gallery_status(self.snapshot(), engine.pack.name),
            inference=InferenceStatus(inference.engine, inference.precision, inference.batch),
            freshness=self.freshness.now(),
            captures=CaptureCounts(
                outcomes.get(CaptureOutcome.ACCEPTED, 0),
                outcomes.get(CaptureOutcome.REJECTED, 0),
                outcomes.get(CaptureOutcome.RETRY, 0),
                self.decider.alerts_raised,
                self.processor.unplaceable,
            ),
            head_sequence=self.fanout.head,
            cameras=tuple(
                camera_status(camera, *whole.cameras.get(camera.camera_id, nobody), policies[camera.camera_id])
                for camera in self.cameras
            ),
            agents=tuple(
                AgentStatus(agent_id, bool(server), positions.get(agent_id, 0), server)
                for agent_id, server in subscribed.items()
            ),
            servers=tuple(running_server(one, is_leader=one.run.run_id == stored.leader_id) for one in whole.servers),
            alarms=tuple(alarm.shown for alarm in self.alarms()),
            revocations=RevocationStatus(**asdict(revocations), stale=stale) if revocations else None,
            loops=tuple(LoopStatus(**asdict(loop)) for loop in self.health.loops()),
            signing=self.health.signing(),
            connections=self.connections(),
            restored_backup=self.restored_backup,
            database=DatabaseState(away.seconds, away.reason, away.problem) if away else DatabaseState(),
            ports=tuple(one.status(now) for one in stored.ports),
            reporting=self.health.reporting(),
            maintenance=stored.maintenance,
        )


def gallery_status(snapshot: GallerySnapshot, pack: str) -> GalleryStatus:
    """Return what is searched, by templates of the model pack of that name."""
    decision = snapshot.decision
    return GalleryStatus(
        model_pack=pack,
        model_version=snapshot.gallery.model_version,
        templates=len(snapshot.gallery),
        unusable_templates=snapshot.unusable_templates,
        references_without_template=snapshot.references_without_template,
        subjects=snapshot.gallery.subjects,
        threshold=decision.value,
        threshold_source=decision.source,
        expected_fpir=decision.expected_fpir,
        threshold_extrapolated=decision.extrapolated,
        threshold_promise=decision.promise,
        subjects_left_out=snapshot.people.left_out,
        blind=snapshot.blind,
    )


def camera_status(camera: Camera, presence: CameraPresence, server: str, policy: CapturePolicy) -> CameraStatus:
    """Return how a camera does that `server` heard last."""
    heartbeat = presence.heartbeat or Heartbeat()
    return CameraStatus(
        camera=camera,
        connected=presence.streams > 0,
        last_heard_at=presence.last_heard_at,
        frames_per_second=heartbeat.frames_per_second,
        dropped_total=heartbeat.dropped_total,
        outbox_depth=heartbeat.outbox_depth,
        outbox_age_s=heartbeat.outbox_age_s,
        view_state=heartbeat.view_state,
        spool=heartbeat.spool,
        drops=heartbeat.drops,
        clock_ahead=presence.clock_ahead,
        server=server,
        last_face_at=presence.last_face_at,
        passages=presence.passages,
        passages_fit=presence.passages_fit,
        policy=policy,
        reported=presence.heartbeat is not None,
    )


def running_server(reported: ReportedRun, *, is_leader: bool) -> RunningServer:
    """Return one of the servers, as its last report says."""
    run = reported.run
    return RunningServer(
        name=run.name,
        address=run.address,
        alive=reported.alive,
        last_heard_at=reported.seen_at,
        started_at=run.started_at,
        server_version=run.version,
        model_version=run.model_version,
        is_leader=is_leader,
        cameras=sum(one.streams > 0 for one in reported.cameras.values()) if reported.alive else 0,
        agents=len(reported.agents),
        captures_waiting=run.captures_waiting,
        captures_per_second=run.captures_per_second,
        clock_ahead=reported.clock_ahead,
    )


@dataclass(frozen=True)
class MaintenanceReader:
    """Reads the state; threads may share it, and it blocks."""

    data_dir: Path
    """The data folder."""
    last_backup_at: Callable[[], datetime | None]
    """When this server's last backup was made; it may read a file."""
    backup_limit: timedelta
    """How old the last backup may be."""
    keys: KeyStore
    clock: Clock

    def read(self) -> MaintenanceStatus:
        """Return the state now. Raises StorageError."""
        return self._with(max((one for one in self.keys.entries() if _seals(one)), key=lambda one: one.key_id))

    def read_without_database(self) -> MaintenanceStatus:
        """Return the state without the key, which is in the database."""
        return self._with(None)

    def _with(self, key: KeyEntry | None) -> MaintenanceStatus:
        backup_at = self.last_backup_at()
        stale = backup_at is None or not lately(backup_at, self.clock.now(), self.backup_limit)
        found = MaintenanceStatus(backup_at, stale, *disk_space(self.data_dir))
        if key is None:
            return found
        return replace(found, data_key=key.key_id, data_key_at=key.made_at, resealing=key.settled_at is None)


def _seals(entry: KeyEntry) -> bool:
    return entry.purpose is KeyPurpose.SEALING


def disk_space(folder: Path) -> tuple[int, int]:
    """Return size and free space in bytes; 0 for both when the disk cannot be read."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0, 0
    return usage.total, usage.free
