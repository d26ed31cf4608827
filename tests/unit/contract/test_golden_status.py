"""The status of a server is written byte for byte as it was, and read as it was composed from the server's parts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cekalwatch.contract.codec.status import SERVER_STATUS
from cekalwatch.contract.values.cameras import Drops, Heartbeat, SpoolState, SpoolStatus, ViewState
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.status import (
    CheckpointDestination,
    ConnectionState,
    MaintenanceStatus,
    Reporting,
    RestoredBackup,
    ServerStatus,
    SigningStatus,
)
from cekalwatch.contract.values.watchlist import Freshness, SourceFreshness
from cekalwatch.server.audit.checkpoint_ledger import HistoryChange
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.concurrency.outbox import DeliveryFailure
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.ports import Port, PortState
from cekalwatch.server.domain.presence import AgentPresence, CameraPresence, ReportedRun, ServerRun
from cekalwatch.server.gallery.index import Gallery
from cekalwatch.server.gallery.snapshot import GallerySnapshot, SearchedPeople
from cekalwatch.server.hardware.errors import SigningWaits
from cekalwatch.server.health.state.status import DatabaseStatus, StatusService
from cekalwatch.server.pki.revocations import RevocationState
from cekalwatch.server.storage.availability import AwayReason, DatabaseAway
from cekalwatch.vision.inference import Inference, InferenceEngine, Precision
from tests.support.builders.watchlist import FixedClock
from tests.unit.contract.test_golden_operations import (
    ALARM_ID,
    BY_PEOPLE,
    CLOCK_WRONG,
    HOUR,
    LEARNED,
    NOON,
    SEEN,
    STALE,
)

GOLDEN = json.loads(Path(__file__).with_name("golden_status.json").read_text(encoding="utf-8"))
DEPARTURE = Camera("dep-1", "batam-center", "D1", Direction.DEPARTURE)
ARRIVAL = Camera("arr-1", "batam-center", "A1", Direction.ARRIVAL)
POLICY = CapturePolicy(24.5, 40.0, 30.0, 4, 90, 0.75)
HEARTBEAT = Heartbeat(
    frames_per_second=14.5,
    outbox_depth=3,
    outbox_age_s=1.25,
    view_state=ViewState.TURNED_AWAY,
    passages_total=1234,
    spool=SpoolStatus(SpoolState.DISK_FULL, 5, 2**40, 3600.5),
    drops=Drops(1, 2, 3, 4),
    dropped_total=10,
)
HEARD = CameraPresence(
    1,
    NOON,
    heartbeat=HEARTBEAT,
    clock_ahead=timedelta(seconds=-3.5),
    last_face_at=NOON,
    passages=40,
    passages_fit=31,
)
FIRST = ServerRun("run-1", "server-1", "10.0.0.1:7000", "0.3.0", "light-1", {}, NOON, 4, 2.5)
SECOND = ServerRun("run-2", "server-2", "10.0.0.2:7000", "0.2.0", "light-1", {}, NOON)
CAMERAS_OF_FIRST = {"dep-1": HEARD, "arr-1": CameraPresence()}
PCS = {"pc-1": AgentPresence()}
AHEAD = timedelta(seconds=1.5)
WHOLE = WholePresence(
    cameras={"dep-1": (HEARD, "server-1")},
    agents={"pc-1": "server-1"},
    servers=(
        ReportedRun(FIRST, NOON, alive=True, clock_ahead=AHEAD, cameras=CAMERAS_OF_FIRST, agents=PCS),
        ReportedRun(SECOND, NOON, alive=False, clock_ahead=None, cameras={"dep-1": HEARD}, agents={}),
    ),
)
SIGNING = SigningStatus(
    2,
    9,
    datetime(2026, 11, 29, 13, tzinfo=UTC),
    next(iter(HistoryChange)),
    next(iter(SigningWaits)),
    (CheckpointDestination("a", 2, next(iter(DeliveryFailure))), CheckpointDestination("b", 0, "")),
)
FULL_STORED = DatabaseStatus(
    {"pc-1": 70, "pc-2": 0},
    WHOLE,
    "run-1",
    MaintenanceStatus(
        NOON,
        backup_stale=False,
        disk_bytes=2**40,
        disk_free_bytes=2**30,
        data_key=3,
        data_key_at=NOON,
        resealing=True,
    ),
    (
        PortState(Port("sekupang", "port-1"), "server-1", NOON, 3, "0.2.0", 55, 2, NOON),
        PortState(Port("sekupang", "port-2")),
    ),
)
NOTHING_KEPT = MaintenanceStatus(None, backup_stale=True, disk_bytes=0, disk_free_bytes=0)
BARE_STORED = DatabaseStatus({}, WholePresence((), {}, {}), "", NOTHING_KEPT)
FULL: dict[str, Any] = {
    "started_at": NOON,
    "thread_budget": 8,
    "freshness": Freshness.of(
        (SourceFreshness("folder", NOON, stale=True), SourceFreshness("", NOON + HOUR, stale=False)),
        active_subjects=812,
    ),
    "processor": SimpleNamespace(outcomes={CaptureOutcome.ACCEPTED: 5, CaptureOutcome.REJECTED: 4}, unplaceable=1),
    "alerts_raised": 3,
    "head": 77,
    "cameras": (DEPARTURE, ARRIVAL),
    "policies": {"dep-1": POLICY, "arr-1": CapturePolicy()},
    "alarms": (
        StoredAlarm(ALARM_ID, CLOCK_WRONG, began_at=NOON),
        StoredAlarm(ALARM_ID, STALE, 7, **SEEN),
    ),
    "health": SimpleNamespace(
        clock=FixedClock(NOON),
        revocations=lambda: RevocationState(3, NOON, 1.5, NOON, NOON + HOUR),
        stale_revocations=object(),
        loops=lambda: (LoopStatus("well"), LoopStatus("sweeper", 3, 12.5, "StorageError")),
        signing=lambda: SIGNING,
        database=lambda: DatabaseAway(AwayReason.STARTING, 2.5, "the problem"),
        reporting=lambda: Reporting(
            connected=False, since=NOON, waiting=5, problem="UNREACHABLE", acknowledged_at=NOON
        ),
    ),
    "connections": ConnectionState(4, 5),
    "restored_backup": RestoredBackup(NOON, NOON + HOUR),
}
BARE: dict[str, Any] = {
    "started_at": NOON,
    "thread_budget": 1,
    "freshness": Freshness.of((SourceFreshness("", None, stale=True),), active_subjects=0),
    "processor": SimpleNamespace(outcomes={}, unplaceable=0),
    "alerts_raised": 0,
    "head": 0,
    "cameras": (),
    "policies": {},
    "alarms": (),
    "health": SimpleNamespace(
        clock=FixedClock(NOON),
        revocations=lambda: None,
        stale_revocations=None,
        loops=tuple,
        signing=SigningStatus,
        database=lambda: None,
        reporting=lambda: Reporting(connected=True, since=NOON),
    ),
    "connections": ConnectionState(),
    "restored_backup": None,
}


def status(name: str) -> ServerStatus:
    """The status as a server composes it from what its parts say."""
    facts, stored = (FULL, FULL_STORED) if name == "status" else (BARE, BARE_STORED)
    snapshot = GallerySnapshot(
        Gallery.build("light-1", 8, np.zeros((0, 8), np.float32), ()),
        BY_PEOPLE if name == "status" else LEARNED,
        likeness=None,
        version=1,
        unusable={},
        references_without_template=3,
        people=SearchedPeople(NOON, searched=0, left_out=2, unreadable=0, law=Law()),
    )
    engine: Any = SimpleNamespace(
        pack=SimpleNamespace(name="light"), inference=Inference(InferenceEngine.OPENVINO, Precision.BF16, batch=4)
    )
    parts: Any = SimpleNamespace(
        freshness=SimpleNamespace(now=lambda: facts["freshness"]),
        decider=SimpleNamespace(alerts_raised=facts["alerts_raised"]),
        fanout=SimpleNamespace(head=facts["head"]),
    )
    unused: Any = None
    service = StatusService(
        started_at=facts["started_at"],
        thread_budget=facts["thread_budget"],
        engine=lambda: engine,
        cameras=facts["cameras"],
        policies=lambda: facts["policies"],
        snapshot=lambda: snapshot,
        freshness=parts.freshness,
        processor=facts["processor"],
        decider=parts.decider,
        fanout=parts.fanout,
        peers=unused,
        leader_id=unused,
        alerts=unused,
        ports=unused,
        alarms=lambda: facts["alarms"],
        health=facts["health"],
        connections=lambda: facts["connections"],
        restored_backup=facts["restored_backup"],
        maintenance=unused,
    )
    return replace(service.combine(stored), server_version="0.3.0" if name == "status" else "1")


@pytest.mark.parametrize("name", GOLDEN)
def test_a_status_is_written_as_it_was(name: str) -> None:
    assert SERVER_STATUS.write(status(name)).SerializeToString(deterministic=True).hex() == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_status_is_read_as_it_was_written(name: str) -> None:
    message = SERVER_STATUS.write(status(name))
    assert SERVER_STATUS.write(SERVER_STATUS.read(message)) == message


def test_a_console_reads_how_each_camera_does() -> None:
    known, unknown = SERVER_STATUS.read(SERVER_STATUS.write(status("status"))).cameras
    assert (known.camera.camera_id, known.camera.direction) == ("dep-1", Direction.DEPARTURE)
    assert (known.outbox_depth, known.waiting_for, known.dropped_total) == (3, timedelta(seconds=1.25), 10)
    assert (known.drops, known.spool.state, known.policy) == (HEARTBEAT.drops, SpoolState.DISK_FULL, POLICY)
    assert (known.passages, known.passages_fit, known.last_face_at) == (40, 31, NOON)
    assert (known.clock_ahead, known.clock_wrong, known.unwell) == (timedelta(seconds=-3.5), True, True)
    assert not replace(known, clock_ahead=None).unwell, "a camera that was turned away is well"
    assert (unknown.connected, unknown.last_heard_at, unknown.view_state) == (False, None, ViewState.UNSPECIFIED)
    assert unknown.unwell


def test_a_status_of_an_older_server_and_of_a_newer_one_is_read_all_the_same() -> None:
    message = SERVER_STATUS.write(status("status"))
    message.ClearField("upkeep")
    message.ClearField("revocations")
    camera = message.cameras[0]
    camera.view_state = camera.spool.state = camera.camera.direction = 999  # type: ignore[assignment]  # newer ones
    camera.camera.site = "bat\u0007am"
    camera.ClearField("policy")
    message.gallery.threshold_source = 999  # type: ignore[assignment]  # a newer one
    message.signing.waits = ""
    found = SERVER_STATUS.read(message)
    (camera_found, _), gallery = found.cameras, found.gallery
    assert (found.maintenance, found.revocations, camera_found.policy) == (None, None, None)
    assert (camera_found.view_state, camera_found.spool.state) == (ViewState.UNSPECIFIED, SpoolState.UNSPECIFIED)
    assert (camera_found.camera.direction, camera_found.camera.site) == (None, "batam")
    assert (gallery.threshold_source, gallery.unsearched) == (None, 3)
    assert found.signing.problem == next(iter(HistoryChange))
    assert found.started_at == datetime(2026, 11, 29, 12, 0, 0, 250_000, tzinfo=UTC)
