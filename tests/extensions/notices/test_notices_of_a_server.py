"""A whole server that tells others: what they get, what is left after it was killed, and what the command shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.extensions.notices import service
from cekalwatch.extensions.notices.domain import Notice
from cekalwatch.extensions.notices.settings import Section
from cekalwatch.extensions.notices.store import NoticeOutcome, NoticeStore
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.cli.app import app
from cekalwatch.server.cluster.jobs import LeaderJob
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.alarms import AlarmChanges, AlarmCondition
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring.extensions import Core
from cekalwatch.server.wiring.storage import Context
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import TlsFiles
from tests.support.builders.alerts import NOON
from tests.support.builders.audit import entry
from tests.support.builders.keys import key_store
from tests.support.fakes.syslog_receiver import SyslogReceiver
from tests.support.fakes.webhook_receiver import WebhookReceiver, write_secret
from tests.support.scenarios.server import running, settings
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import Site
from tests.support.tools.forked_process import ForkedProcess
from tests.support.tools.packs import light_environment
from tests.support.tools.programs import run_program

WAIT_S = 60.0


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return Site(tmp_path / "site").device(DeviceRole.SERVER, "collector")


def config(folder: Path, receiver: WebhookReceiver, syslog: str = "") -> Path:
    """Write the settings of a server in `folder` as an office has them."""
    secret, file = write_secret(folder / "webhook.secret"), folder / "server.toml"
    file.write_text(
        f"""
        data_dir = "{folder / "data"}"
        listen = "127.0.0.1:0"
        [notices]
        syslog = "{syslog}"
        syslog_authorities = "{receiver.authority}"
        [[notices.webhooks]]
        name = "siem"
        url = "{receiver.url}"
        secret_file = "{secret}"
        authorities = "{receiver.authority}"
        """
    )
    return file


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_program("server", *arguments, environment=os.environ | light_environment())


def here(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner(env={"COLUMNS": "240"}).invoke(app, arguments)


async def test_a_server_tells_what_happens_in_it(
    tmp_path: Path, files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for period in ("COLLECT_PERIOD_S", "DELIVER_PERIOD_S", "FEED_PERIOD_S"):
        monkeypatch.setattr(service, period, 0.1)
    with WebhookReceiver(files) as receiver, SyslogReceiver(files) as collector:
        chosen = ServerSettings.load(config(tmp_path, receiver, collector.address))
        chosen = settings(chosen.data_dir, notices=Section.of(chosen).notices, cameras=())
        async with running(chosen):
            database = Database(chosen.database_address)
            store = NoticeStore(database)

            async def followed() -> bool:
                return None not in {store.position("siem", "troubles"), store.position("syslog:", "troubles")}

            await becomes(followed)
            condition = AlarmCondition(AlarmKind.CAMERA_COVERED, "dep-9", "batam-center", "D9")
            AlarmStore(database).write(AlarmChanges(begun=(condition,)), SystemClock().now())

            async def told() -> bool:
                there = any("trouble_open - {" in one and "dep-9" in one for one in collector.messages)
                return there and any(one["data"].get("about") == "dep-9" for one in receiver.taken)

            await becomes(told)
            AuditStore(database).append(entry(1))

            async def recorded() -> bool:
                return any(" audit_entry - {" in one for one in collector.messages)

            await becomes(recorded)
            database.close()
    assert receiver.wrong == []


def core(context: Context) -> Core:
    board, presence = AlarmBoard(context.stores.alarms, context.clock), Presence(context.clock)
    return Core(context, presence, lambda: WholePresence((), {}, {}), board, tuple, lambda _: Readiness())


async def test_another_server_of_the_database_sends_nothing(tmp_path: Path, files: TlsFiles) -> None:
    with WebhookReceiver(files) as receiver:
        chosen = ServerSettings.load(config(tmp_path, receiver, "127.0.0.1:1"))
    with ExitStack() as stack:
        database = Database(chosen.database_address)
        database.upgrade()
        stack.callback(database.close)
        context = Context.open(chosen, database, SystemClock(), operator(), stack)
        other = Context.open(settings(chosen.data_dir), database, SystemClock(), operator(), stack)
        jobs, none = (service.start(core(one)) for one in (context, other))
    names = ["look_at_notices", "collect_notices", "send_notices_siem", "send_syslog", "sweep_notices"]
    assert [one.name for one in jobs] == names
    assert all(isinstance(one, LeaderJob) for one in jobs), "the one that has the lease does them"
    assert [one.name for one in none] == ["look_at_notices"], "an old alarm ends"


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_sends_sends_it_again_and_then_the_rest(
    tmp_path: Path, files: TlsFiles
) -> None:
    killed = threading.Event()
    process: list[ForkedProcess] = []

    def meanwhile(number: int) -> None:
        if number == 1:
            process[0].send_signal(signal.SIGKILL)
            process[0].wait(WAIT_S)
            killed.set()

    with WebhookReceiver(files, meanwhile=meanwhile) as receiver:
        file = config(tmp_path, receiver)
        chosen = ServerSettings.load(file)
        database = Database(chosen.database_address)
        database.upgrade()
        key_store(database, chosen.master_key_source)
        told = [Notice(f"alert/{number}", f"alert.{number}", NOON, {}) for number in (1, 2, 3)]
        store = NoticeStore(database)
        store.add("siem", "alerts", told, 0, SystemClock().now())
        ids = [one.notice_id for one in store.waiting("siem", 10)]

        def start() -> ForkedProcess:
            with open(os.devnull, "r+b") as nothing:  # noqa: PTH123  # a device
                files = (nothing.fileno(),) * 3
                arguments = ("serve", "--config", str(file))
                return ForkedProcess("server", arguments, os.environ | light_environment(), files, sys.executable)

        process.append(start())
        assert killed.wait(WAIT_S)
        assert [one.outcome for one in store.newest("siem", 3)] == [None] * 3
        second = start()
        try:
            settled = threading.Event()
            for _ in range(int(WAIT_S * 10)):
                if not store.count_waiting("siem"):
                    break
                settled.wait(0.1)
        finally:
            second.send_signal(signal.SIGTERM)
            second.wait(WAIT_S)
        assert {one.outcome for one in store.newest("siem", 3)} == {NoticeOutcome.DELIVERED}
        database.close()
    assert receiver.attempts[:4] == [ids[0], *ids], "the first one twice, by the same id"


@pytest.mark.slow
def test_the_command_shows_the_log_and_tries_everybody(tmp_path: Path, files: TlsFiles) -> None:
    collector = SyslogReceiver(files)
    with WebhookReceiver(files, 204, 503) as receiver, collector:
        file = config(tmp_path, receiver, collector.address)
        assert here("notices", "--config", str(file), "--test").exit_code == 0
        assert receiver.types == ["test"]
        assert " test - {" in collector.messages[0]
        failed = command("notices", "--config", str(file), "--test")
    assert failed.returncode == 69
    assert "ANSWERED: 503" in failed.stdout
    chosen = ServerSettings.load(file)
    database = Database(chosen.database_address)
    database.upgrade()
    key_store(database, chosen.master_key_source)
    store = NoticeStore(database)
    store.add("siem", "alerts", [Notice("alert/1", "alert.raised", NOON, {})], 1, NOON)
    store.settle(store.waiting("siem", 1)[0], NoticeOutcome.GIVEN_UP, "ANSWERED: 422", NOON)
    database.close()
    shown = here("notices", "--config", str(file))
    assert shown.exit_code == 0, shown.stderr
    text = " ".join(shown.stdout.split())
    assert "0 wait" in text
    for part in ("alert.raised", "GIVEN_UP", "ANSWERED: 422", "2026-03-01 12:00:00", "nothing yet"):
        assert all(word in text for word in part.split()), text
    nobody = here("notices", "--data-dir", str(chosen.data_dir)).exception
    assert isinstance(nobody, ProgramError)
    assert nobody.exit_code == 78
    assert "notices.md" in str(nobody)
