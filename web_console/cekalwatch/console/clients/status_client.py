"""The server's status, as plain values. Protobuf and unsafe text stop here; errors stay grpc.RpcError."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.federation import PORT_STATUS
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.values.cameras import Drops, SpoolState, ViewState
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import is_wrong
from cekalwatch.contract.values.federation import PortStatus
from cekalwatch.contract.values.orders import Direction
from cekalwatch.program.checks.machine import MIN_FREE_BYTES
from cekalwatch.v1 import camera_pb2, capture_pb2, operations_pb2, operations_service_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.tokens import bearer

DEADLINE_S = 10.0
WELL = frozenset({ViewState.OK, ViewState.TURNED_AWAY, ViewState.UNSPECIFIED})
_VIEWS = ProtoEnum(capture_pb2.ViewState, "VIEW_STATE", ViewState)
_SPOOLS = ProtoEnum(capture_pb2.SpoolState, "SPOOL_STATE", SpoolState)
_DIRECTIONS = ProtoEnum(camera_pb2.Direction, "DIRECTION", Direction)


@dataclass(frozen=True)
class CameraState:
    """A camera, as the server heard of it."""

    camera_id: str
    site: str
    counter: str
    connected: bool
    heard_at: datetime | None
    direction: Direction | None
    view: ViewState
    frames_per_second: float
    waiting: int
    """Crops that it could not send yet."""
    waiting_for: timedelta
    """Age of the oldest of them."""
    dropped: int
    drops: Drops
    spool: SpoolState
    clock_ahead: timedelta | None
    """Negative: behind; None when it has not said."""
    last_face_at: datetime | None
    passages: int
    """Of its last passages, so many are looked at."""
    passages_fit: int
    """Those of which a face was fit for an alert."""
    policy: CapturePolicy | None
    """What it may send; None when an older server does not say."""

    @property
    def clock_wrong(self) -> bool:
        """Whether its clock is to be set right."""
        return self.clock_ahead is not None and is_wrong(self.clock_ahead)

    @property
    def unwell(self) -> bool:
        """Whether somebody has to look at it."""
        return not self.connected or self.view not in WELL or self.clock_wrong


@dataclass(frozen=True)
class ServerState:
    """One of the servers that share a database."""

    name: str
    alive: bool
    version: str
    cameras: int
    agents: int
    captures_per_second: float


@dataclass(frozen=True)
class Upkeep:
    """What keeps the data of a server safe."""

    backup_at: datetime | None
    """When its last backup was made; None: never."""
    backup_stale: bool
    disk_bytes: int
    """Size of its disk; 0: not known."""
    disk_free_bytes: int
    data_key: int
    """Number of the key that seals now; 0: not known."""
    data_key_at: datetime | None
    resealing: bool

    @property
    def disk_low(self) -> bool:
        """Whether there is too little room left."""
        return self.disk_bytes > 0 and self.disk_free_bytes < MIN_FREE_BYTES


@dataclass(frozen=True)
class ServerStatus:
    """How the server does."""

    version: str
    started_at: datetime | None
    model: str
    engine: str
    threshold: float
    expected_fpir: float
    subjects: int
    references_unsearched: int
    list_at: datetime | None
    list_stale: bool
    sources: tuple[tuple[str, datetime | None, bool], ...]
    """Name, last success, and whether it has been away for too long."""
    captures: int
    alerts: int
    cameras: tuple[CameraState, ...]
    agents: tuple[tuple[str, bool], ...]
    """Name of each officer's PC, and whether it is connected."""
    servers: tuple[ServerState, ...]
    ports: tuple[PortStatus, ...]
    """Those with servers of their own that report here or follow the list."""
    loops: tuple[tuple[str, timedelta], ...]
    """What the server does again and again, and for how long it has failed."""
    revocations_stale: bool
    checkpoint_at: datetime | None
    audit_waits: str
    """Why nothing is signed; empty while all is well."""
    upkeep: Upkeep | None
    """None when an older server does not say."""


def ask_status(calls: Calls, token: str) -> ServerStatus:
    """Ask the server how it does, for the person of a token."""
    request = operations_service_pb2.GetStatusRequest()
    answer: operations_service_pb2.GetStatusResponse = calls.make(
        lambda channel, left_s: OperationsServiceStub(channel).GetStatus(
            request, timeout=left_s, metadata=bearer(token)
        ),
        DEADLINE_S,
    )
    gallery, freshness = answer.gallery, answer.freshness
    return ServerStatus(
        version=safe_text(answer.server_version),
        started_at=_moment(answer, "start_time"),
        model=safe_text(f"{gallery.model_pack} {gallery.model_version}".strip()),
        engine=safe_text(f"{answer.inference.engine} {answer.inference.precision}".strip()),
        threshold=gallery.threshold,
        expected_fpir=gallery.expected_fpir,
        subjects=gallery.subjects,
        references_unsearched=gallery.references_without_template,
        list_at=_moment(freshness, "last_success_time"),
        list_stale=freshness.stale,
        sources=tuple(
            (safe_text(one.source), _moment(one, "last_success_time"), one.stale) for one in freshness.sources
        ),
        captures=answer.captures.accepted,
        alerts=answer.captures.alerts_raised,
        cameras=tuple(_camera(one) for one in answer.cameras),
        agents=tuple((safe_text(one.agent_id), one.connected) for one in answer.agents),
        servers=tuple(_server(one) for one in answer.servers),
        ports=PORT_STATUS.read_all(answer.ports),
        loops=tuple(
            (safe_text(one.name), one.failing.ToTimedelta()) for one in answer.loops if one.HasField("failing")
        ),
        revocations_stale=answer.revocations.stale,
        checkpoint_at=_moment(answer.signing, "sign_time"),
        audit_waits=safe_text(answer.signing.waits or answer.signing.change),
        upkeep=_upkeep(answer.upkeep) if answer.HasField("upkeep") else None,
    )


def _camera(one: operations_pb2.CameraStatus) -> CameraState:
    return CameraState(
        camera_id=safe_text(one.camera.camera_id),
        site=safe_text(one.camera.site),
        counter=safe_text(one.camera.counter),
        connected=one.connected,
        heard_at=_moment(one, "last_heard_time"),
        direction=_DIRECTIONS.member(one.camera.direction),
        view=_VIEWS.member(one.view_state) or ViewState.UNSPECIFIED,
        frames_per_second=one.frames_per_second,
        waiting=one.outbox_depth,
        waiting_for=one.outbox_age.ToTimedelta(),
        dropped=one.dropped_total,
        drops=Drops(one.drops.no_room, one.drops.too_old, one.drops.unreadable, one.drops.refused),
        spool=_SPOOLS.member(one.spool.state) or SpoolState.UNSPECIFIED,
        clock_ahead=one.clock_ahead.ToTimedelta() if one.HasField("clock_ahead") else None,
        last_face_at=_moment(one, "last_face_time"),
        passages=one.passages,
        passages_fit=one.passages_fit,
        policy=_policy(one.policy) if one.HasField("policy") else None,
    )


def _policy(one: capture_pb2.CapturePolicy) -> CapturePolicy:
    """Return a policy; its figures are rounded, since the contract's have less digits than ours."""
    return CapturePolicy(
        min_eye_distance_px=round(one.min_eye_distance_px, 2),
        max_yaw_degrees=round(one.max_yaw_degrees, 2),
        max_pitch_degrees=round(one.max_pitch_degrees, 2),
        max_crops_per_track=one.max_crops_per_track,
        jpeg_quality=one.jpeg_quality,
        min_detector_score=round(one.min_detector_score, 4),
    )


def _upkeep(one: operations_pb2.UpkeepStatus) -> Upkeep:
    return Upkeep(
        backup_at=_moment(one, "backup_time"),
        backup_stale=one.backup_stale,
        disk_bytes=one.disk_bytes,
        disk_free_bytes=one.disk_free_bytes,
        data_key=one.data_key,
        data_key_at=_moment(one, "data_key_time"),
        resealing=one.resealing,
    )


def _server(one: operations_pb2.ServerStatus) -> ServerState:
    return ServerState(
        name=safe_text(one.name),
        alive=one.alive,
        version=safe_text(one.server_version),
        cameras=one.cameras,
        agents=one.agents,
        captures_per_second=one.captures_per_second,
    )


def _moment(message: object, name: str) -> datetime | None:
    """Return a moment of a message; None where it is not set."""
    if not message.HasField(name):  # type: ignore[attr-defined]  # of any message
        return None
    value: Timestamp = getattr(message, name)
    return value.ToDatetime(UTC)
