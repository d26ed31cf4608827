"""Servers on a PostgreSQL whose primary or standby dies: they go on, and nothing that was promised is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import write_private
from cekalwatch.server import serving
from cekalwatch.server.app import Server
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring import events as event_wiring
from cekalwatch.v1 import alert_pb2, trouble_pb2
from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.camera import capture_of
from tests.support.builders.keys import TESTS_KEY
from tests.support.scenarios.port_office import PortOffice, Seat, sign_in
from tests.support.scenarios.scripted_camera import ScriptedCamera
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import Site
from tests.support.tools.postgres_pair import PostgresPair, postgres_pair

pytestmark = [
    pytest.mark.slow,
    # SQLAlchemy does not close the cursor of a connection that has died beneath it.
    pytest.mark.filterwarnings("ignore:.*ServerCursor:pytest.PytestUnraisableExceptionWarning"),
]

WAIT_S = 90.0
PERIOD_S = 0.2
TRAVELLERS_PERIOD_S = 0.5
"""On a busy machine the officer's PC takes longer than PERIOD_S for each."""


@dataclass
class Promises:
    """What clients were told: it has to be so for ever."""

    events: list[alert_pb2.AlertEvent] = field(default_factory=list)
    shown: int = 0
    """The position that was confirmed for the officer's PC."""
    judged: dict[str, int] = field(default_factory=dict)
    """Versions of the alerts that were judged, by their keys."""


@dataclass
class Port:
    """Two servers, a camera at the one, and an officer's PC at the other."""

    office: PortOffice
    camera: ScriptedCamera
    officer: Seat
    technicians: tuple[grpc.aio.Channel, grpc.aio.Channel]
    """Connections to each of the servers."""
    passed: list[str] = field(default_factory=list)
    promises: Promises = field(default_factory=Promises)

    def traveller(self) -> None:
        """Let one who is listed pass the camera."""
        capture = capture_of(str(len(self.passed)), 0.9, datetime.now(UTC))
        self.passed.append(capture.capture_id)
        self.camera.put([capture])

    async def travellers(self) -> None:
        """Let one pass again and again."""
        while True:
            self.traveller()
            await asyncio.sleep(TRAVELLERS_PERIOD_S)

    async def work(self) -> None:
        """Show each event at the PC, confirm that, and judge each new alert; what fails is done again."""
        while True:
            try:
                await self._follow()
            except grpc.aio.AioRpcError as error:
                if reason_of(error) != "STORAGE_UNAVAILABLE":
                    raise
            await asyncio.sleep(PERIOD_S)

    async def _follow(self) -> None:
        """Take what comes on one stream, from the position that was confirmed last."""
        call = self.officer.subscribe()
        while (message := await call.read()) is not grpc.aio.EOF:
            if not message.HasField("event"):
                continue
            event, events = message.event, self.promises.events
            is_new = not events or event.sequence > events[-1].sequence
            if is_new:
                events.append(event)
            shown = await self._until_answered("AcknowledgeAlerts", agent_id="pc-budi", sequence=event.sequence)
            assert shown is not None
            self.promises.shown = shown.acknowledged_sequence
            if is_new and event.type == alert_pb2.ALERT_EVENT_TYPE_RAISED:
                await self._judge(event.alert.alert_id)

    async def _judge(self, alert_id: str) -> None:
        await self._until_answered("ClaimAlert", alert_id=alert_id, agent_id="pc-budi")
        found = await self._until_answered("GetAlert", alert_id=alert_id)
        assert found is not None
        step = {"agent_id": "pc-budi", "version": found.alert.version, "note": ""}
        with_reason = {"outcome": "OUTCOME_REFERRED", "reason": "REASON_FACE_AGREES"}
        # Of a step whose answer was lost, the second try is refused; then it is not known to be done.
        if done := await self._until_answered("AdjudicateAlert", alert_id=alert_id, **step, **with_reason):
            self.promises.judged[alert_id] = done.alert.version

    async def _until_answered(self, name: str, **fields: Any) -> Any:
        while True:
            try:
                return await self.officer.call(name, **fields)
            except grpc.aio.AioRpcError as error:
                if reason_of(error) != "STORAGE_UNAVAILABLE":
                    return None
            await asyncio.sleep(PERIOD_S)

    async def status(self, number: int) -> operations.GetStatusResponse:
        stub: Any = OperationsServiceStub(self.technicians[number])
        answer: operations.GetStatusResponse = await stub.GetStatus(operations.GetStatusRequest(), timeout=WAIT_S)
        return answer

    async def health(self, number: int) -> str:
        stub: Any = health_pb2_grpc.HealthStub(self.technicians[number])
        answer = await stub.Check(health_pb2.HealthCheckRequest())
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


@pytest.fixture(scope="module")
def nodes() -> Iterator[PostgresPair]:
    with postgres_pair() as pair:
        yield pair


@pytest.fixture
def pair(nodes: PostgresPair) -> PostgresPair:
    """A primary with its standby, and an empty database, whatever was done to them before."""
    if nodes.standby is None:
        nodes.mend()
    nodes.renew_database()
    return nodes


@asynccontextmanager
async def port_on(pair: PostgresPair, folder: Path) -> AsyncIterator[Port]:
    """Open the port on the pair."""
    site = Site(folder)
    shared = {
        "database_url": pair.address,
        "master_key_from": f"file:{folder / 'master.key'}",
        "pki_dir": folder / "pki",
        "tls_dir": folder / "tls",
        "grouping_window_seconds": 0,
    }
    write_private(folder / "master.key", f"{TESTS_KEY.text}\n".encode())
    office = PortOffice(site, site.settings(**shared))
    office.hire("budi")
    second_settings = site.settings(**shared, data_dir=folder / "second", server_name="second")
    laptop = site.device(DeviceRole.DIAGNOSTICS, "laptop")
    async with office.open(), Server(second_settings, office.clock) as other:
        second = f"127.0.0.1:{other.port}"
        camera = ScriptedCamera("dep-1", site.dialer(office.address, site.device(DeviceRole.CAMERA, "dep-1")))
        pc = site.dialer(second, site.device(DeviceRole.NOTIFIER, "pc-budi"))
        async with (
            pc.aio_channel() as channel,
            site.dialer(office.address, laptop).aio_channel() as one,
            site.dialer(second, laptop).aio_channel() as two,
            camera.connected(),
        ):
            yield Port(office, camera, Seat(channel, "pc-budi", await sign_in(channel, "budi")), (one, two))


async def test_a_standby_is_promoted_and_nothing_promised_is_lost(
    pair: PostgresPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_wiring, "FANOUT_PERIOD_S", 3600.0)  # events come by hints alone
    async with asyncio.timeout(2 * WAIT_S), port_on(pair, tmp_path) as port:
        working = [asyncio.create_task(work) for work in (port.travellers(), port.work())]
        try:
            await becomes(lambda: is_so(len(port.promises.judged) >= 3))
            pair.primary.kill()

            # While only the standby answers, both servers say so, and promise nothing.
            for number in (0, 1):
                await becomes(partial(has_reason, port, number, "READ_ONLY"))
                await becomes(partial(has_health, port, number, "NOT_SERVING"))
            away = await port.status(0)
            assert away.database.away.ToMilliseconds() > 0
            assert f"{pair.standby.port if pair.standby else ''}" in away.database.problem
            assert [one.connected for one in away.cameras if one.camera.camera_id == "dep-1"] == [True]
            assert await port.officer.refusal("ListAlerts") == "STORAGE_UNAVAILABLE"
            settled, events = port.camera.outbox.statistics().settled_total, len(port.promises.events)
            passing = len(port.passed) + 5
            await becomes(lambda: is_so(len(port.passed) >= passing))
            assert port.camera.outbox.statistics().settled_total == settled
            assert len(port.promises.events) == events

            pair.promote()
            for number in (0, 1):
                await becomes(partial(has_health, port, number, "SERVING"))
            known = len(port.promises.judged)
            await becomes(lambda: is_so(len(port.promises.judged) >= known + 3))
        finally:
            working[0].cancel()
            with suppress(asyncio.CancelledError):
                await working[0]
        await port.camera.until_settled(len(port.passed), WAIT_S)
        await becomes(
            lambda: is_so(
                sum(one.type == alert_pb2.ALERT_EVENT_TYPE_RAISED for one in port.promises.events) >= len(port.passed)
            ),
            WAIT_S,
        )
        assert not working[1].done()
        working[1].cancel()
        await becomes(lambda: one_does_the_chores(port))
        changed = {trouble_pb2.TROUBLE_KIND_ROWS_CHANGED, trouble_pb2.TROUBLE_KIND_AUDIT_HISTORY_CHANGED}
        assert not changed & {one.kind for one in (await port.status(0)).troubles}
        check(pair.address, port)


async def test_while_the_standby_is_away_nothing_is_confirmed_and_the_server_says_why(
    pair: PostgresPair, tmp_path: Path
) -> None:
    async with asyncio.timeout(WAIT_S), port_on(pair, tmp_path) as port:
        port.traveller()
        await port.camera.until_settled(1, WAIT_S)
        pair.lose_standby()
        port.traveller()
        await becomes(lambda: has_reason(port, 0, "COMMITS_WAIT"))
        await becomes(lambda: has_health(port, 0, "NOT_SERVING"))
        assert port.camera.outbox.statistics().settled_total == 1
        pair.synchronous(on=False)
        await port.camera.until_settled(2, WAIT_S)
        await becomes(lambda: has_reason(port, 0, ""))


async def test_a_server_waits_while_only_a_standby_answers_and_a_command_says_what_to_do(pair: PostgresPair) -> None:
    stopped = asyncio.Event()
    pair.primary.kill()
    with closing(Database(pair.address)) as database, pytest.raises(ProgramError, match="or promote the standby") as no:
        database.upgrade()
    assert no.value.exit_code is Exit.UNAVAILABLE
    async with asyncio.timeout(WAIT_S):
        with capture_logs() as logs:
            waiting = asyncio.create_task(serving.await_database(pair.address, stopped))
            await becomes(lambda: is_so(bool(logs)))
            assert not waiting.done()
            pair.promote()
            await waiting
    assert {(entry["event"], entry["reason"]) for entry in logs} == {("database_awaited", "READ_ONLY")}


def check(address: str, port: Port) -> None:
    """Compare what was promised with what the promoted database has."""
    promises = port.promises
    with closing(Database(address)) as database:
        with database.engine.connect() as connection:

            def rows(query: str) -> list[tuple[Any, ...]]:
                return [tuple(row) for row in connection.exec_driver_sql(query)]

            assert Counter(one for (one,) in rows("SELECT capture_id FROM sighting")) == Counter(port.passed)
            held = dict(rows("SELECT sequence, alert_id FROM alert_event"))
            assert {one.sequence: one.alert.alert_id for one in promises.events}.items() <= held.items()
            alerts = {
                alert_id: (version, state)
                for alert_id, version, state in rows("SELECT alert_id, version, state FROM alert")
            }
            for alert_id, version in promises.judged.items():
                assert alerts[alert_id] == (version, "REFERRED")
            ((acknowledged,),) = rows("SELECT acknowledged_sequence FROM agent WHERE agent_id ~ '/pc-budi$'")
            assert acknowledged >= promises.shown
        last = promises.events[-1].sequence
        assert [one.sequence for one in promises.events] == sorted(sequence for sequence in held if sequence <= last)
        previous = ""
        for link in AuditStore(database).links():
            assert link.holds
            assert link.previous_hash == previous or not previous
            previous = link.hash


async def is_so(fact: bool) -> bool:  # what `becomes` asks
    return fact


async def has_reason(port: Port, number: int, reason: str) -> bool:
    return (await port.status(number)).database.reason == reason


async def has_health(port: Port, number: int, status: str) -> bool:
    return await port.health(number) == status


async def one_does_the_chores(port: Port) -> bool:
    by_both = [[one.does_chores for one in (await port.status(number)).servers if one.alive] for number in (0, 1)]
    return [sorted(one) for one in by_both] == [[False, True], [False, True]]
