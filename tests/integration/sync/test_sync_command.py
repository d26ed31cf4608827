"""`cekalwatch-server watchlist sync` as an administrator runs it, with a server and without."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from asyncio import to_thread
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.cli.app import app
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.sync.store import SyncStore
from tests.support.builders.keys import open_keys
from tests.support.builders.portraits import astronaut
from tests.support.builders.watchlist_folder import row, write_orders
from tests.support.scenarios.people import PASSWORD, Office, person, programs_passwords
from tests.support.scenarios.server import jpeg, running, settings
from tests.support.scenarios.sync import hold_schedule
from tests.support.tools.packs import light_pack
from tests.support.tools.programs import run_program

WAIT_S = 60


class Machine:
    """The server's machine, with a configuration file."""

    def __init__(self, folder: Path, source: str) -> None:
        self.config = folder / "server.toml"
        self.data = folder / "data"
        self.config.write_text(
            f'data_dir = "{self.data}"\nmodels_dir = "{light_pack().parent}"\nmodel_pack = "light"\n'
            f'listen = "127.0.0.1:9"\ninference = "onnxruntime"\n{source}'
        )
        self.database = Database(f"sqlite:///{self.data / 'cekalwatch.sqlite3'}")
        self.database.upgrade()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "cekalwatch.server", "watchlist", "sync", *arguments]
        return subprocess.Popen(
            [*command, "--config", str(self.config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def process(self, *arguments: str) -> tuple[int, str]:
        """Run the command as a process, beside a server that runs in this one."""
        done = run_program("server", "watchlist", "sync", *arguments, "--config", self.config)
        return done.returncode, done.stdout

    def run(self, *arguments: str, typed: str = "") -> tuple[int, str]:
        """Run the command in this process, and return its exit code and all that it tells."""
        command = ["watchlist", "sync", *arguments, "--config", str(self.config)]
        result = CliRunner(env={"COLUMNS": "240"}).invoke(app, command, input=typed)
        if isinstance(result.exception, ProgramError):
            return result.exception.exit_code, f"{result.output}{result.exception}"
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout if "--json" in arguments else result.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_orders(tmp_path / "list", [row(f"O-{number}", subject_id=f"S-{number}") for number in range(1, 6)])


@pytest.fixture
def machine(tmp_path: Path, folder: Path) -> Machine:
    return Machine(tmp_path, f'[watchlist.source]\nkind = "folder"\npath = "{folder}"\n')


def typed(*names: str) -> str:
    return "".join(f"{name}\n{PASSWORD}\n" for name in names)


@pytest.mark.slow
def test_the_list_is_synchronised_and_the_status_told_without_a_server(machine: Machine, folder: Path):
    code, told = machine.run("status")
    assert (code, "Up to date: never" in told) == (Exit.OK, True)
    code, told = machine.run("now")
    assert code == Exit.OK, told
    assert "whole list: DONE; 5 read, 5 added, 0 changed, 0 unchanged, 0 ended, 0 refused" in told
    write_orders(folder, [row("O-1", subject_id="S-1"), row("O-2", valid_from="someday")])
    code, told = machine.run("now")
    assert code == Exit.DATA_PROBLEMS
    assert "Refused: O-2: RECORD_INVALID (valid_from): a day as 2026-11-01 or 1 November 2026 (" in told
    assert "another day of the column shows the order), with a year from 1900 to 2200" in told
    assert "3 ended" in told
    code, told = machine.run("status", "--json")
    found = json.loads(told)
    assert found["last"]["counts"]["ended"] == 3
    assert found["last"]["refusals"] == [{"order_id": "O-2", "reason": "RECORD_INVALID", "field": "valid_from"}]
    assert found["last_success_at"]


@pytest.mark.slow
def test_orders_that_break_a_rule_and_faces_under_two_subjects_are_told(machine: Machine, folder: Path):
    (folder / "face.jpg").write_bytes(jpeg(astronaut()))
    face = {"photographs": "face.jpg"}
    write_orders(folder, [row("O-1", **face), row("O-2", subject_id="S-2", kind="TANGKAL", **face)])
    code, told = machine.run("now")
    assert code == Exit.DATA_PROBLEMS, told
    assert "0 refused, 1 flagged INVALID" in told
    assert "Flagged INVALID, never alerts: O-2: TANGKAL_ON_CITIZEN" in told
    assert "Its face is also under another subject: O-2: S-1" in told
    assert "Flagged INVALID, never alerts: O-2: TANGKAL_ON_CITIZEN" in machine.run("status")[1]
    found = json.loads(machine.run("status", "--json")[1])
    remark = {"order_id": "O-2", "broken_rules": ["TANGKAL_ON_CITIZEN"], "also_under": ["S-1"], "flags": []}
    assert found["last"]["remarks"] == [remark]
    write_orders(folder, [row("O-1", **face), row("O-2", subject_id="S-2", **face)])
    assert machine.run("now")[0] == Exit.OK, "a look-alike is no problem of the list's"


def test_of_many_findings_the_first_are_shown_and_the_rest_counted(machine: Machine, folder: Path):
    write_orders(folder, [row(f"O-{number:03}", subject_id=f"S-{number}", kind="TANGKAL") for number in range(60)])
    _, told = machine.run("now")
    assert "O-049: TANGKAL_ON_CITIZEN\nand 10 more." in told
    assert "O-050" not in told


@pytest.mark.slow
def test_a_shrunken_list_is_accepted_by_two_who_type_their_passwords(machine: Machine, folder: Path):
    assert machine.run("now", "--accept-shrink")[0] == Exit.NO_INPUT
    machine.run("now")
    write_orders(folder, [])
    code, told = machine.run("now")
    assert code == Exit.DATA_PROBLEMS
    assert "5 of 5 orders are no longer in the source" in told
    assert "5 of 5 orders" in machine.run("status")[1]
    office = Office(machine.database, passwords=programs_passwords())
    lia = office.hire(person("lia", PersonRole.LIST_MANAGER)).person
    sari = office.hire(person("sari", PersonRole.SUPERVISOR)).person
    assert machine.run("now", "--accept-shrink", typed=typed("lia", "lia"))[0] == Exit.REFUSED
    open_keys(machine.database)
    assert SyncStore(machine.database).state().accepted == 0
    code, told = machine.run("now", "--accept-shrink", typed=typed("lia", "sari"))
    assert code == Exit.OK, told
    assert "5 ended" in told
    (entry,) = office.trail(Action.SHRINK_ACCEPTED)
    assert entry.objects == f'["person:{lia.person_id}","person:{sari.person_id}"]'


def test_a_source_that_is_not_there_and_one_that_is_not_configured_are_told_apart(tmp_path: Path, machine: Machine):
    (tmp_path / "list").rename(tmp_path / "away")
    code, told = machine.run("now")
    assert code == Exit.UNAVAILABLE
    assert f"There is no folder {tmp_path / 'list'}" in told
    assert Machine(tmp_path, "").run("now")[0] == Exit.CONFIG


@pytest.mark.slow
async def test_through_the_running_server(tmp_path: Path, folder: Path):
    machine = Machine(tmp_path, f'[watchlist.source]\nkind = "folder"\npath = "{folder}"\n')
    chosen = settings(tmp_path / "data", watchlist={"source": {"kind": "folder", "path": folder}})
    hold_schedule(chosen)
    async with running(chosen) as server:
        code, told = await to_thread(machine.process, "now", "--server", server.address)
        assert code == Exit.OK, told
        assert "5 added" in told
        code, told = await to_thread(machine.process, "status", "--json", "--server", server.address)
        assert json.loads(told)["last"]["counts"]["added"] == 5
    assert machine.run("now", "--server", server.address)[0] == Exit.UNAVAILABLE


@pytest.mark.slow
async def test_a_server_that_began_without_the_source_is_to_be_restarted(tmp_path: Path, folder: Path):
    machine = Machine(tmp_path, f'[watchlist.source]\nkind = "folder"\npath = "{folder}"\n')
    async with running(settings(tmp_path / "data")) as server:
        command = ("server", "watchlist", "sync", "now", "--server", server.address, "--config", machine.config)
        done = await to_thread(run_program, *command)
    assert done.returncode == Exit.CONFIG
    assert "the running server began without it: restart the server" in done.stderr


@pytest.mark.slow
def test_a_run_that_was_killed_is_taken_up_where_it_was(tmp_path: Path):
    """The power goes while the list is being read; the source gives ten rows a page."""
    orders, pages = 120, 10
    with closing(sqlite3.connect(tmp_path / "cekal.sqlite3")) as source, source:
        columns = list(row())
        source.execute(f"CREATE TABLE daftar ({', '.join(columns)})")
        rows = [row(f"O-{number:03}", subject_id=f"S-{number:03}") for number in range(orders)]
        places = ", ".join("?" * len(columns))
        source.executemany(f"INSERT INTO daftar VALUES ({places})", [[*one.values()] for one in rows])  # noqa: S608
    fields = "\n".join(f'{name} = "{name}"' for name in columns)
    machine = Machine(
        tmp_path,
        f'[watchlist.source]\nkind = "sql"\naddress = "sqlite:///{tmp_path / "cekal.sqlite3"}"\nquery = "daftar"\n'
        f"rows_at_once = {pages}\n[watchlist.source.mapping.fields]\n{fields}\n",
    )
    machine.database.upgrade()
    open_keys(machine.database)
    store = SyncStore(machine.database)
    process = machine.start("now")
    deadline = time.monotonic() + WAIT_S
    while store.state().reading_items < 3 * pages:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)  # or the process gets half a processor
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    read_before = store.state().reading_items
    assert read_before < orders, "it was killed too late"
    code, told = machine.run("now")
    assert (code, "is running" in told) == (Exit.UNAVAILABLE, True), "its lease stands for a minute"
    with machine.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sync_schedule SET lease_until = '2026-01-01 00:00:00'")
    code, told = machine.run("now")
    assert code == Exit.OK, told
    after, killed = store.runs(2)
    assert (killed.outcome, after.resumed, after.whole) == ("BROKEN_OFF", True, True)
    assert after.counts.read == orders - read_before
    assert after.counts.refused == after.counts.ended == 0
    with machine.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM ban_order WHERE withdrawn_at = ''").scalar() == orders
