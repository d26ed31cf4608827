"""`python -m deploy.simulator` and `watchlist check-source` as a person runs them."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.app import app
from deploy.simulator.cli import app as simulator_app
from deploy.simulator.faults import SimulatedFault
from deploy.simulator.web import Simulator
from tests.support.builders.watchlist_folder import COLUMNS, ORDERS_FILE, row, write_orders
from tests.support.fakes.simulated_application import simulated, simulated_order, with_photograph

COMMAND = (sys.executable, "-m", "deploy.simulator")


@asynccontextmanager
async def simulator(*options: str) -> AsyncIterator[str]:
    """Run it on a free port, and give the configuration that it prints."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "--port", "0", "--orders", "5", *options), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        lines: list[str] = []
        while not lines or not lines[-1].startswith("address"):
            lines.append((await asyncio.wait_for(process.stdout.readline(), 60)).decode())
            assert lines[-1], "it ended"
        more = 2 * ("--tls" in options) + ("--token-from" in options)
        lines += [(await process.stdout.readline()).decode() for _ in range(more)]
        yield "".join(lines)
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == -signal.SIGTERM, "it ends in order, and says by what"


def check(folder: Path, configuration: str, *options: str) -> tuple[int, str]:
    """Run `check-source` here, since a process takes long to start."""
    file = folder / "server.toml"
    file.write_text(configuration)
    arguments = ["watchlist", "check-source", "--config", str(file), *options]
    outcome = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    match outcome.exception:
        case ProgramError() as error:
            return error.exit_code, f"{outcome.output}{error}"
        case _:
            return outcome.exit_code, outcome.output


@pytest.fixture
def running() -> Iterator[Simulator]:
    with simulated() as one:
        yield one


def configured(simulator: Simulator, more: str = "") -> str:
    return f'[watchlist.source]\nkind = "http"\naddress = "{simulator.address}"\naccess.attempts = 1\n{more}'


@pytest.mark.slow
async def test_the_simulator_runs_as_a_program_and_can_be_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMULATOR_TOKEN", token := "a-token-of-its-own")
    options = ("--tls", str(tmp_path / "tls"), "--token-from", "env:SIMULATOR_TOKEN", "--fault", "wrong-types")
    async with simulator(*options) as configuration:
        assert (await asyncio.to_thread(check, tmp_path, configuration))[0] == Exit.DATA_PROBLEMS
        context = ssl.create_default_context(cafile=tmp_path / "tls" / "server" / "authority.pem")
        headers = {"authorization": f"Bearer {token}"}
        origin = configuration.split('address = "')[1].split("/orders")[0]
        async with httpx.AsyncClient(base_url=origin, verify=context, headers=headers) as client:
            wrong = await client.post("/admin/troubles", json={"faults": ["sabotage"]})
            assert wrong.status_code == 400
            page = await client.post("/admin/troubles", json={}, headers={"origin": "http://evil.example"})
            assert page.status_code == 400
            assert (await client.post("/admin/troubles", json={"faults": []})).json() == {"faults": []}
            assert (await client.post("/admin/step")).json()["happened"]
        code, output = await asyncio.to_thread(check, tmp_path, configuration, "--photographs")
        assert (code, "can be imported, 0 would be refused" in output) == (Exit.OK, True), output
        assert "photographs fetched" in output


def test_problems_are_told_by_key_and_field_without_names(running: Simulator, tmp_path: Path) -> None:
    with_photograph(running, "C-2", b"photograph")
    assert check(tmp_path, configured(running), "--photographs")[0] == Exit.OK
    running.faults.set([SimulatedFault.WINDOWS_1252, SimulatedFault.LOST_PHOTOGRAPH])
    code, output = check(tmp_path, configured(running), "--photographs")
    assert code == Exit.DATA_PROBLEMS
    assert "3 records read: 2 can be imported, 1 would be refused" in output
    for told in ("C-1", "RECORD_INVALID (name): 1", "C-2", "PHOTO_MISSING: 1"):
        assert told in output
    assert "Contoh" not in output


def test_a_name_in_the_keys_place_is_not_shown(running: Simulator, tmp_path: Path) -> None:
    running.book.put(simulated_order("Contoh Satu"))
    code, output = check(tmp_path, configured(running))
    assert (code, "RECORD_INVALID (order_id)" in output) == (Exit.DATA_PROBLEMS, True)
    assert "Contoh" not in output


def test_a_missing_field_and_a_value_without_translation_are_named(tmp_path: Path) -> None:
    rows = [row(f"O-{number}", kind="Pencekalan", valid_from="1 Nov", nik="3171") for number in (1, 2)]
    text = (write_orders(tmp_path / "list", [*rows, row("O-3", requesting_agency="")]) / ORDERS_FILE).read_text()
    (tmp_path / "list" / ORDERS_FILE).write_text(
        text.replace("kind", "Jenis", 1).replace("requesting_agency", "Instansi", 1)
    )
    fields = {name: name for name in COLUMNS} | {"kind": "Jenis", "requesting_agency": "Instansi"}
    named = ", ".join(f'{name} = "{column}"' for name, column in fields.items())
    configuration = f'''
[watchlist.source]
kind = "folder"
path = "{tmp_path / "list"}"
[watchlist.source.mapping]
fields = {{ {named} }}
values = {{ kind = {{ "Cegah" = "CEGAH" }} }}
'''
    code, output = check(tmp_path, configuration)
    told = " ".join(output.split())
    assert (code, "0 can be imported, 3 would be refused" in told) == (Exit.DATA_PROBLEMS, True), output
    for expected in (
        "RECORD_INVALID (kind): in 'Jenis': 'Pencekalan'; must be CEGAH or TANGKAL",
        "(values.kind has no translation of it)",
        "RECORD_INVALID (valid_from): '1 Nov'; must be a day",
        "RECORD_INVALID (requesting_agency): in 'Instansi': nothing that can be read; must be 1 to 200",
        "RECORD_INVALID (kind): 2",
        "RECORD_INVALID (nik): '9999'; must be 16 digits",
    ):
        assert expected in told.replace("│ ", "").replace("┃ ", ""), output
    assert "3171" not in output


def test_no_more_is_read_than_was_asked_for(running: Simulator, tmp_path: Path) -> None:
    assert "2 records read" in check(tmp_path, configured(running), "--rows", "2")[1]
    assert "3 records read" in check(tmp_path, configured(running), "--rows", "0")[1]


def test_an_application_that_fails_is_told_with_what_to_do(running: Simulator, tmp_path: Path) -> None:
    running.faults.set([SimulatedFault.UNAVAILABLE])
    code, output = check(tmp_path, configured(running))
    assert (code, "answers 503" in output) == (Exit.UNAVAILABLE, True), output


def test_without_a_source_or_a_list_it_says_so(tmp_path: Path) -> None:
    code, output = check(tmp_path, "")
    assert (code, "No source is configured" in output) == (Exit.CONFIG, True)
    folder = f'[watchlist.source]\nkind = "folder"\npath = "{tmp_path}"\n'
    code, output = check(tmp_path, folder)
    assert (code, "There is no orders.csv" in output) == (Exit.UNAVAILABLE, True)
    (tmp_path / "orders.csv").write_text("a,b\n")
    code, output = check(tmp_path, folder)
    assert (code, "does not name the columns" in output) == (Exit.DATA_PROBLEMS, True)


def test_a_simulators_database_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    for file, content in ((tmp_path / "none" / "orders.db", None), (tmp_path / "orders.db", "no database")):
        if content:
            file.write_text(content)
        outcome = CliRunner().invoke(simulator_app, ["--port", "0", "--database", str(file)])
        assert isinstance(outcome.exception, ProgramError)
        assert str(file) in str(outcome.exception)
