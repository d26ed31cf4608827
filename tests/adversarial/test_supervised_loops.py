"""No loop of a program ends in silence: each is supervised, and what fails is seen and goes on."""

from __future__ import annotations

import ast
import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.health.state import health as server_health
from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.repository import ROOT
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.open_import import OpenImport
from tests.support.scenarios.server import CaptureClient, reason_of, running
from tests.support.scenarios.sign_in import Scene, becomes
from tests.support.scenarios.site_pki import SITE, Site, now

WAIT_S = 60.0
PROGRAMS = ("common", "server", "camera_client", "officer_notifier", "web_console", "extensions")
STARTS = {"create_task", "ensure_future", "Thread", "Timer", "start_new_thread", "start_http_server"}

STARTED_IN = {
    "server/app.py": "supervised loops",
    "server/serving.py": "a supervised loop, and one reload of the settings at a time",
    "server/capture/processing.py": "one capture, whose failure is its receipt",
    "server/capture/session.py": "one stream, which ends with any of them",
    "server/concurrency/batching.py": "supervised loops",
    "server/health/monitoring/listener.py": "a supervised loop, and requests that are answered each on its own",
    "server/transport/connections.py": "a supervised loop",
    "server/grpc_api/clients/reporter.py": "one stream, which ends with any of them",
    "server/grpc_api/clients/report_stream.py": "one stream, which ends with any of them",
    "server/grpc_api/servicers/audit.py": "one check of the trail, whose failure ends its call",
    "console/import_jobs.py": "one list file, whose page tells how it ended",
    "server/grpc_api/servicers/watchlist/import_call.py": "one import, which is told its error",
    "camera/app.py": "what watches is a supervised loop; a mount catches all itself, and tells that it looks nowhere",
    "camera/camera.py": "one camera, which ends with any of them, and is begun again",
    "camera/checks.py": "ends a check that hangs",
    "camera/detection/pipeline.py": "one camera, which ends with it, and is begun again",
    "program/metrics.py": "Prometheus, which serves each request on its own",
    "camera/outbox/spooler.py": "a supervised loop",
    "camera/sources/decoder.py": "within one decoder, which is begun again",
    "camera/sources/decoder_process.py": "ends the decoder with the program",
    "camera/sources/live.py": "a supervised loop",
    "camera/sources/opencv.py": "within the decoder, which is begun again",
    "camera/uplink/stream.py": "one stream, which ends with any of them",
    "camera/uplink/uplink.py": "one stream, which ends with it",
    "server/grpc_api/authentication.py": "one write, which ends with its call",
    "server/alerts/report_receiver.py": "one stream, which ends with any of them",
    "server/watchlist/sync/schedule.py": "a supervised loop, which ends with its run",
    "server/concurrency/answer_deadline.py": "one answer, which it cuts off",
    "office/client/background_thread.py": "supervised loops",
    "console/app.py": "a supervised loop",
    "program/web_serving.py": "supervised loops",
    "gateway/gateway.py": "a supervised loop",
    "program/web_connections.py": "one connection's TLS, which ends with it",
    "notifier/desktop/widgets/picture_decoder.py": "one picture, which has a deadline",
    "notifier/signing_in/loopback.py": "one visit of a browser, which has a deadline",
    "server/storage/cluster/change_notifier.py": "supervised loops",
    "program/confined/pool.py": "a supervised loop",
    "program/platform/windows/service_process.py": "one connection, without which Windows starts the service again",
    "program/platform/windows/session_window.py": "one window, without which Windows ends a program unasked",
}
"""The files that start tasks and threads, and why none of these can end in silence."""

LOOPS = {
    # threads
    *("acknowledge-0", "audit-0", "decide-0", "deliveries-0", "embed-0", "embed-1", "embed-2", "write-probe-0"),
    # the processes that decode crops
    *("end_late_processes", "start_processes"),
    # the watchlist and the gallery
    *("follow_gallery", "follow_list", "keep_order_terms", "learn_threshold", "make_templates", "synchronise"),
    *("compare_faces", "erase_subjects", "forget_changed_subjects"),
    # alerts
    *(
        "count_field_days",
        "erase_exercise_subjects",
        "escalate",
        "follow_exercises",
        "follow_event_log",
        "follow_first_looks",
        "follow_officers",
        "follow_pcs",
        "follow_unusable_faces",
        "follow_supervisors",
        "forget_passages",
        "look_at_orders",
        "plan_exercises",
    ),
    *("sweep_events", "sweep_hand_overs", "sweep_images", "sweep_probes", "sweep_records", "sweep_unsettled_images"),
    "sweep_port_records",
    # captures, and who may what
    *(
        "count_passages",
        "record_watches",
        "send_exercises",
        "count_scores",
        "count_unusable_faces",
        "probe_database",
        "probe_chain",
        "check_devices",
        "check_people",
    ),
    *("follow_camera_policies", "follow_revocations"),
    # what is wrong
    "watch_connections",
    *("follow_troubles", "look_at_cameras", "look_at_notices", "look_at_ports", "look_at_rows", "look_at_server"),
    *(
        "look_at_counters",
        "look_at_exercises",
        "look_at_devices",
        "look_at_rights",
        "follow_groups",
        "look_at_gates",
        "look_at_refused_servers",
        "look_at_upkeep",
        "look_at_backups",
        "look_at_dead_servers",
        "look_at_sources",
        "look_at_threshold",
        "sweep_troubles",
        "tell_health",
    ),
    # which server does the shared ones
    *("keep_leader_lease", "tell_presence"),
    # the audit trail and the keys
    *("deliver_checkpoints", "record_refusals", "reseal", "sign_audit_trail", "tell_refusals"),
}


def starts() -> Iterator[str]:
    """The file of each place where a program starts a task or a thread of its own."""
    for program in PROGRAMS:
        for file in sorted((ROOT / program / "cekalwatch").rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in STARTS:
                    yield file.relative_to(ROOT / program / "cekalwatch").as_posix()


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def test_whatever_starts_tasks_or_threads_says_how_they_are_supervised() -> None:
    assert set(starts()) == set(STARTED_IN)


async def status(channel: grpc.aio.Channel) -> operations.GetStatusResponse:
    stub: Any = OperationsServiceStub(channel)
    answer: operations.GetStatusResponse = await stub.GetStatus(operations.GetStatusRequest())
    return answer


async def test_the_status_names_every_loop_and_all_are_well(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    (tmp_path / "list").mkdir()
    source = {"source": {"kind": "folder", "path": tmp_path / "list"}}
    async with running(site.settings(watchlist=source), site.diagnostics()) as server, asyncio.timeout(WAIT_S):

        async def all_begun() -> bool:
            return {one.name for one in (await status(server.channel)).loops} == LOOPS

        await becomes(all_begun)
        assert [one.name for one in (await status(server.channel)).loops if one.HasField("failing")] == []


def execute(site: Site, statement: str) -> None:
    with closing(sqlite3.connect(site.folder / "cekalwatch.sqlite3")) as database, database:
        database.execute(statement)


@pytest.mark.slow
async def test_a_damaged_person_keeps_nobody_from_being_revoked_and_may_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    scene = Scene(site, site.settings())
    for name in ("rina", "sari"):
        scene.hire(name, PersonRole.LIST_MANAGER)
    async with (
        scene.served(),
        scene.desk("pc-1") as one,
        scene.desk("pc-2") as other,
        site.dialer(scene.address, site.device(DeviceRole.CAMERA, "dep-1")).aio_channel() as channel,
        asyncio.timeout(WAIT_S),
    ):
        camera = await CaptureClient.open(channel)
        token, going_on = await one.sign_in("rina"), await other.sign_in("sari")
        importing, untouched = OpenImport(one, token), OpenImport(other, going_on, "other")
        await importing.send()
        await untouched.send()
        scene.database.close()
        execute(site, "UPDATE person SET roles = '[' WHERE sign_in_name = 'rina'")
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await importing.call.read()
        assert reason_of(ended.value) == Code.SESSION_ENDED
        site.pki.revoke(Identity(DeviceRole.CAMERA, SITE, "dep-1"), now())
        assert await camera.error() == (grpc.StatusCode.UNAUTHENTICATED, Code.CERTIFICATE_REVOKED)
        await untouched.send()
        untouched.call.cancel()


@pytest.mark.slow
async def test_a_loop_that_fails_for_long_is_seen_everywhere_until_it_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_health, "FAILING_AFTER_S", 0.2)
    site = Site(tmp_path / "site")
    async with (
        running(site.settings(cameras=()), site.diagnostics()) as server,
        Watcher(server.channel).watching() as watcher,
        asyncio.timeout(WAIT_S),
    ):
        health = health_pb2_grpc.HealthStub(server.channel)

        async def serving() -> bool:
            answer = await health.Check(health_pb2.HealthCheckRequest())
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        async def not_serving() -> bool:
            return not await serving()

        assert await serving()
        execute(site, "ALTER TABLE alert_event RENAME TO gone")
        await watcher.until(lambda one: any(kind.startswith("LOOP_FAILING") for kind in one.kinds))
        await becomes(not_serving)
        (failing,) = [one for one in (await status(server.channel)).loops if one.name == "follow_event_log"]
        assert (failing.failures > 0, failing.HasField("failing"), failing.error) == (True, True, "StorageError")
        execute(site, "ALTER TABLE gone RENAME TO alert_event")
        await watcher.until(lambda one: not any(kind.startswith("LOOP_FAILING") for kind in one.kinds))
        await becomes(serving)
