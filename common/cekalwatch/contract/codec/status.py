"""The state of a server, with its cameras, agents, ports and neighbours; and its threshold with its evidence."""

from __future__ import annotations

from cekalwatch.contract.codec.alarms import ALARM
from cekalwatch.contract.codec.cameras import PLACE
from cekalwatch.contract.codec.captures import AGE, DROPS, POLICY, SPOOL, VIEW_STATE
from cekalwatch.contract.codec.federation import PORT_STATUS
from cekalwatch.contract.codec.watchlist import FRESHNESS
from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.contract.values.status import (
    CameraStatus,
    CounterPc,
    CounterStatus,
    DatabaseState,
    MaintenanceStatus,
    Reporting,
    RestoredBackup,
    RevocationStatus,
    RunningServer,
    ServerStatus,
    SigningStatus,
)
from cekalwatch.contract.values.thresholds import Threshold, ThresholdOutlook
from cekalwatch.v1 import operations_pb2, operations_service_pb2
from cekalwatch.v1 import operations_pb2 as pb

CAMERA_STATUS = Codec(
    CameraStatus,
    pb.CameraStatus,
    names={"last_heard_at": "last_heard_time", "outbox_age_s": "outbox_age", "last_face_at": "last_face_time"},
    parts=(PLACE, SPOOL, DROPS, POLICY),
    special={"view_state": VIEW_STATE, "outbox_age_s": AGE},
    local=("reported",),
)
COUNTER = Codec(CounterStatus, pb.CounterStatus, parts=(CAMERA_STATUS, Codec(CounterPc, pb.CounterPc)))
_REVOCATIONS = Codec(
    RevocationStatus,
    pb.RevocationStatus,
    names={
        "read_at": "read_time",
        "unconfirmed_s": "unconfirmed",
        "issued_at": "issue_time",
        "valid_until": "expire_time",
    },
)
_REPORTING = Codec(
    Reporting,
    pb.ReportingStatus,
    names={"since": "since_time", "waiting": "events_waiting", "acknowledged_at": "acknowledge_time"},
)
_SERVER = Codec(
    RunningServer,
    pb.ServerStatus,
    names={"last_heard_at": "last_heard_time", "started_at": "start_time", "is_leader": "does_chores"},
)
SERVER_STATUS = Codec(
    ServerStatus,
    operations_service_pb2.GetStatusResponse,
    names={"started_at": "start_time", "maintenance": "upkeep", "alarms": "troubles"},
    parts=(
        CAMERA_STATUS,
        FRESHNESS,
        PORT_STATUS,
        ALARM,
        _REVOCATIONS,
        _REPORTING,
        _SERVER,
        Codec(SigningStatus, pb.SigningStatus, names={"signed_at": "sign_time"}),
        Codec(RestoredBackup, pb.RestoredBackup, names={"made_at": "backup_time", "restored_at": "restore_time"}),
        Codec(DatabaseState, pb.DatabaseStatus, names={"away_s": "away"}),
        Codec(LoopStatus, pb.LoopStatus, names={"failing_s": "failing"}),
        Codec(MaintenanceStatus, pb.UpkeepStatus, names={"backup_at": "backup_time", "data_key_at": "data_key_time"}),
    ),
)


THRESHOLD_OUTLOOK = Codec(
    ThresholdOutlook,
    operations_service_pb2.GetThresholdResponse,
    names={
        "decision": "threshold",
        "photographs": "compared_photographs",
        "points": "curve",
        "set_at": "set_time",
    },
    parts=(Codec(Threshold, operations_pb2.ThresholdState, local=("promise",)),),
)
