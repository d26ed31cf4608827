"""What the server tells Prometheus, a load balancer and a browser about itself."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from cekalwatch.extensions.notices.domain import Notice
from cekalwatch.extensions.notices.store import NoticeOutcome, NoticeStore
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.backup.contents import BackupRecord
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.health.monitoring import pages
from cekalwatch.server.health.state import health as server_health
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring import health as health_wiring
from cekalwatch.v1 import alert_service_pb2 as alerts
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import subject
from tests.support.fakes.webhook_receiver import write_secret
from tests.support.scenarios.metrics import ON_THIS_MACHINE, Metrics, get
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, running, settings
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE, Site, now

WAIT_S = 60.0


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_wiring, "READ_PERIOD_S", 0.1)
    monkeypatch.setattr(pages, "KEPT_S", 0.0)


async def metrics_become(port: int, so: Callable[[Metrics], bool]) -> Metrics:
    """Scrape until it is so, and return that scrape."""
    found: list[Metrics] = []

    async def asked() -> bool:
        found.append(await Metrics.scraped(port))
        return so(found[-1])

    await becomes(asked)
    return found[-1]


async def subscribed(channel: grpc.aio.Channel) -> Any:
    stub: Any = AlertServiceStub(channel)
    call = stub.SubscribeAlerts(alerts.SubscribeAlertsRequest(agent_id="pc-1"))
    assert (await call.read()).HasField("subscribed")
    return call


async def acknowledge_next(channel: grpc.aio.Channel, call: Any) -> None:
    while not (message := await call.read()).HasField("event"):
        pass
    stub: Any = AlertServiceStub(channel)
    await stub.AcknowledgeAlerts(alerts.AcknowledgeAlertsRequest(agent_id="pc-1", sequence=message.event.sequence))


async def test_a_passage_with_an_alert_is_told_from_camera_to_acknowledgement(tmp_path: Path) -> None:
    chosen = settings(tmp_path, metrics=ON_THIS_MACHINE)
    list_astronaut(chosen, name="Rahasia Sekali")
    async with running(chosen) as server, asyncio.timeout(WAIT_S):
        call, camera = await subscribed(server.channel), await CaptureClient.open(server.channel)
        assert await camera.receipt(face()) == ("ACCEPTED", "")
        await acknowledge_next(server.channel, call)
        told = await metrics_become(
            server.metrics_port,
            lambda one: one.value("alerts_open", state="NEW") == 1 and one.value("agents_behind_events") == 0,
        )
        assert told.value("captures_total", outcome="ACCEPTED") == 1
        assert (told.value("alerts_raised_total"), told.value("events")) == (1, 1)
        assert told.value("agents_subscribed") == 1
        assert (told.value("gallery_templates"), told.value("gallery_blind")) == (1, 0)
        assert (told.value("list_stale", source="import"), told.value("list_active_subjects")) == (0, 1)
        assert [told.value("camera_connected", camera=one, site=SITE) for one in ("dep-1", "arr-1")] == [1, 0]
        assert told.value("camera_view", camera="dep-1", site=SITE, state="OK") == 0
        for delay in ("capture_receipt", "capture_decision", "alert_event", "alert_acknowledgement"):
            assert told.value(f"{delay}_seconds_count") == 1, delay
            taken = told.value(f"{delay}_seconds_sum")
            assert taken is not None, delay
            assert 0 < taken < WAIT_S, delay
        assert told.value("batch_items_sum", worker="embed") == 1
        assert (told.value("database_commit_seconds_count") or 0) > 1
        assert (told.value("serving"), told.value("is_leader"), told.value("database_well")) == (1, 1, 1)
        assert told.value("loop_failures_total", loop="escalate") == 0
        assert "process_resident_memory_bytes" in told.names
        assert told.value("captures_waiting", stage="embed") == 0
        for secret in ("Rahasia", subject().subject_id):
            assert secret not in told.text
        call.cancel()
        camera.call.cancel()


async def test_the_last_backup_and_what_a_webhook_has_not_taken_are_told(tmp_path: Path) -> None:
    webhook = {"name": "siem", "url": "https://127.0.0.1:1/", "secret_file": write_secret(tmp_path / "webhook.secret")}
    chosen = settings(tmp_path, metrics=ON_THIS_MACHINE, notices={"webhooks": [webhook]})
    with closing(Database(chosen.database_address)) as database:
        database.upgrade()
        key_store(database, chosen.master_key_source)
        store = NoticeStore(database)
        store.add("siem", "none", [Notice(f"alert/{number}", "test", now(), {}) for number in (1, 2)], 2, now())
        store.settle(store.waiting("siem", 2)[1], NoticeOutcome.GIVEN_UP, "ANSWERED: 422", now())
    async with running(chosen) as server, asyncio.timeout(WAIT_S):
        told = await metrics_become(server.metrics_port, lambda one: one.value("notices_waiting", target="siem") == 1)
        assert told.value("notices_given_up", target="siem") == 1
        assert (told.value("backup_stale"), told.value("backup_last_timestamp_seconds")) == (1, None)
        made_at = now() - timedelta(hours=35)

        async def told_of_backup(age: timedelta) -> Metrics:
            BackupRecord(made_at - age, "/srv/backup.age", 1, with_keys=False).save(chosen.backup_record_file)
            moment = (made_at - age).timestamp()
            return await metrics_become(
                server.metrics_port, lambda one: one.value("backup_last_timestamp_seconds") == moment
            )

        assert (await told_of_backup(timedelta())).value("backup_stale") == 0
        assert (await told_of_backup(timedelta(hours=2))).value("backup_stale") == 1


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
async def test_prometheus_own_tool_finds_no_fault_with_them(tmp_path: Path) -> None:
    async with running(settings(tmp_path, metrics=ON_THIS_MACHINE)) as server:
        told = await Metrics.scraped(server.metrics_port)
    found = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=told.text, text=True, capture_output=True, check=False
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


async def test_health_says_why_the_server_does_not_do_its_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_health, "FAILING_AFTER_S", 0.2)
    async with running(settings(tmp_path, metrics=ON_THIS_MACHINE)) as server, asyncio.timeout(WAIT_S):
        answer = await get(server.metrics_port, "/healthz")
        assert (answer.status_code, answer.text) == (httpx.codes.OK, "SERVING\n")
        with closing(sqlite3.connect(tmp_path / "cekalwatch.sqlite3")) as database, database:
            database.execute("ALTER TABLE alert_event RENAME TO gone")

        async def unwell() -> bool:
            answer = await get(server.metrics_port, "/healthz")
            return (answer.status_code, answer.text) == (httpx.codes.SERVICE_UNAVAILABLE, "LOOP_FAILING\n")

        await becomes(unwell)
        told = await Metrics.scraped(server.metrics_port)
        assert (told.value("serving"), told.value("fault", fault="LOOP_FAILING")) == (0, 1)
        assert told.value("loop_failing", loop="follow_event_log") == 1
        page = (await get(server.metrics_port, "/?lang=en")).text
        assert "The server does not work as it should." in page
        assert "follow_event_log" in page


async def test_a_database_that_is_lost_is_told_with_the_reason(tmp_path: Path) -> None:
    async with running(settings(tmp_path, metrics=ON_THIS_MACHINE)) as server, asyncio.timeout(WAIT_S):
        database, elsewhere = tmp_path / "cekalwatch.sqlite3", tmp_path / "elsewhere.sqlite3"
        database.rename(elsewhere)

        async def lost() -> bool:
            return "DATABASE_AWAY: LOST" in (await get(server.metrics_port, "/healthz")).text.splitlines()

        await becomes(lost)
        assert (await Metrics.scraped(server.metrics_port)).value("database_well") == 0
        assert "<code>DATABASE_AWAY: LOST</code>" in (await get(server.metrics_port, "/")).text
        elsewhere.rename(database)


async def test_the_page_is_in_two_languages_escaped_and_without_scripts(tmp_path: Path) -> None:
    hostile = tmp_path / "<script>alert(1)</script>"
    hostile.mkdir(parents=True)
    source = {"source": {"kind": "folder", "path": hostile}}
    async with running(settings(tmp_path / "data", metrics=ON_THIS_MACHINE, watchlist=source)) as server:
        indonesian = await get(server.metrics_port, "/")
        english = await get(server.metrics_port, "/", language="en-GB,en;q=0.8")
        assert (await get(server.metrics_port, "/?lang=id", language="en")).text == indonesian.text
    assert "Server bekerja sebagaimana mestinya." in indonesian.text
    assert '<html lang="en">' in english.text
    assert "The server works as it should." in english.text
    for page in (indonesian, english):
        assert "dep-1" in page.text
        assert "<script" not in page.text
        assert "alert(1)" in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_with_certificates_only_who_may_ask_for_the_status_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_wiring, "is_loopback", lambda _: False)  # as on an address that others reach
    site = Site(tmp_path / "site")
    laptop = site.device(DeviceRole.DIAGNOSTICS, "laptop")
    async with running(site.settings(metrics=ON_THIS_MACHINE), site.diagnostics()) as server, asyncio.timeout(WAIT_S):
        port = server.metrics_port
        assert Metrics((await get(port, "/metrics", laptop)).text).value("serving") == 1
        for role, name in ((DeviceRole.CAMERA, "dep-1"), (DeviceRole.NOTIFIER, "pc-1")):
            answer = await get(port, "/metrics", site.device(role, name))
            assert (answer.status_code, answer.text.split(":")[0]) == (403, Code.METHOD_NOT_ALLOWED)
        with pytest.raises(httpx.TransportError):
            await get(port, "/metrics")
        foreign = Site(tmp_path / "foreign").device(DeviceRole.DIAGNOSTICS, "laptop")
        with pytest.raises((httpx.TransportError, OSError)):
            await get(port, "/metrics", foreign)
        site.pki.revoke(Identity(DeviceRole.DIAGNOSTICS, SITE, "laptop"), now())

        async def refused() -> bool:
            answer = await get(port, "/metrics", laptop)
            return (answer.status_code, answer.text.split(":")[0]) == (403, Code.CERTIFICATE_REVOKED)

        await becomes(refused)


async def test_metrics_do_not_leave_the_machine_without_certificates(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="without certificates"):
        async with Server(settings(tmp_path, metrics={"listen": "0.0.0.0:0"})):
            pass


async def test_a_port_that_is_taken_is_told_at_the_start(tmp_path: Path) -> None:
    async with running(settings(tmp_path / "one", metrics=ON_THIS_MACHINE)) as server:
        taken = f"127.0.0.1:{server.metrics_port}"
        with pytest.raises(ProgramError, match=f"Cannot listen on {taken}"):
            async with Server(settings(tmp_path / "other", metrics={"listen": taken})):
                pass
