"""`cekalwatch-server watchlist import` as a person runs it: into the database, and through a server that runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cekalwatch.program.errors import Exit
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import watchlist_pb2, watchlist_service_pb2, watchlist_service_pb2_grpc
from tests.support.builders.face_records import exchanged
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import astronaut, encoded, group
from tests.support.builders.watchlist_folder import Row, row, write_orders
from tests.support.scenarios.server import running, settings
from tests.support.tools.forked_async import NOTHING, ForkedAsync
from tests.support.tools.packs import light_environment
from tests.support.tools.programs import empty_site, server_command

TODAY = datetime.now(UTC).date()
IN_FORCE = {
    "valid_from": str(TODAY - timedelta(days=10)),
    "valid_until": str(TODAY + timedelta(days=10)),
    "received_on": str(TODAY - timedelta(days=10)),
}


async def run(*arguments: str, folder: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Import the list in `folder`."""
    models = light_environment()
    return await server_command("watchlist", "import", folder, *arguments, data=data, **models)


def mixed_list(folder: Path) -> Path:
    """A list with something of everything: fine, lapsed, flagged, refused, and photographs of all sorts."""
    rows: list[Row] = [
        row("O-1", **IN_FORCE, photographs="portrait.jpg"),
        row("O-2", subject_id="S-2", valid_from="2020-01-01", valid_until="2020-06-30", received_on="2020-01-01"),
        row("O-3", subject_id="S-3", **IN_FORCE, kind="TANGKAL"),
        row("O-4", subject_id="S-4", **IN_FORCE | {"received_on": "yesterday"}),
        row("O-5", subject_id="S-5", **IN_FORCE, photographs="group.jpg|none.jpg|portrait.jpg"),
    ]
    write_orders(folder, rows)
    (folder / "portrait.jpg").write_bytes(encoded(astronaut()))
    (folder / "group.jpg").write_bytes(encoded(group()))
    return folder


def summary_of(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text())
    summary: dict[str, Any] = document["summary"]
    return summary | {record["order_id"]: record for record in document["records"]}


async def test_photographs_as_borders_exchange_them_are_imported_from_a_folder(tmp_path: Path):
    given = exchanged(Image.fromarray(astronaut()[:, :, ::-1]))
    rows = [
        row(f"O-{number}", subject_id=f"S-{number}", **IN_FORCE, photographs=name)
        for number, name in enumerate(sorted(given))
    ]
    folder = write_orders(tmp_path / "list", rows)
    for name, file in given.items():
        (folder / name).write_bytes(file)
    data = empty_site(tmp_path)
    done = await run("--offline", "--report", str(tmp_path / "report.json"), folder=folder, data=data)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    records = json.loads((tmp_path / "report.json").read_text())["records"]
    told = {photo["name"]: photo["outcome"] for one in records for photo in one["photos"]}
    assert told == dict.fromkeys(given, "ENROLLED")


def check_mixed_report(report: dict[str, Any]) -> None:
    assert (report["records"], report["stored"], report["refused"], report["flagged"]) == (5, 4, 1, 1)
    assert report["O-1"]["status"] == "ACTIVE"
    assert report["O-2"]["status"] == "LAPSED"
    assert report["O-3"]["broken_rules"] == ["TANGKAL_ON_CITIZEN"]
    assert (report["O-4"]["reason"], report["O-4"]["field"]) == ("RECORD_INVALID", "received_on")
    assert [(photo["name"], photo["reason"]) for photo in report["O-5"]["photos"]] == [
        ("group.jpg", "PHOTO_SEVERAL_FACES"),
        ("none.jpg", "PHOTO_MISSING"),
        ("portrait.jpg", None),
    ]


def stored(chosen: ServerSettings) -> tuple[list[str], datetime | None, int]:
    """The keys of the subjects, the last success and the change counter in the database."""
    database = Database(chosen.database_address)
    store = WatchlistStore(database, keyring(database, chosen.master_key_source))
    found = [file.subject.subject_id for file in store.list_subjects("", 100)], store.last_success_at(), store.version()
    database.close()
    return found


@pytest.mark.slow
async def test_a_list_goes_into_the_database_when_no_server_runs(tmp_path: Path) -> None:
    folder, data, report = mixed_list(tmp_path / "list"), empty_site(tmp_path / "data"), tmp_path / "report.json"
    first = await run("--offline", "--report", str(report), folder=folder, data=data)
    assert first.returncode == Exit.DATA_PROBLEMS, first.stderr
    check_mixed_report(summary_of(report))
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    for expected in (
        "RECORD_INVALID (received_on)",
        "TANGKAL_ON_CITIZEN",
        "PHOTO_SEVERAL_FACES",
        "5 records: 4 stored",
    ):
        assert expected in first.stdout
    assert "Contoh Satu" not in first.stdout + first.stderr + report.read_text()
    keys, last, version = stored(settings(data))
    assert keys == ["S-1", "S-2", "S-3", "S-5"]
    assert last is not None

    again = await run("--offline", "--report", str(report), folder=folder, data=data)
    assert (again.returncode, summary_of(report)["unchanged"]) == (Exit.DATA_PROBLEMS, 4)
    assert stored(settings(data))[2] == version


async def test_a_list_without_problems_ends_with_0(tmp_path: Path) -> None:
    folder = write_orders(tmp_path / "list", [row("O-1", **IN_FORCE, photographs="portrait.jpg")])
    (folder / "portrait.jpg").write_bytes(encoded(astronaut()))
    outcome = await run("--offline", folder=folder, data=empty_site(tmp_path / "data"))
    assert outcome.returncode == Exit.OK, outcome.stderr
    assert "1 records: 1 stored" in outcome.stdout


async def test_windows_1252_is_read_when_that_is_said(tmp_path: Path) -> None:
    folder = write_orders(tmp_path / "list", [row("O-1", **IN_FORCE, name="Contoh Müller")], encoding="cp1252")
    refused = await run("--offline", folder=folder, data=empty_site(tmp_path / "data"))
    assert refused.returncode == Exit.DATA_PROBLEMS
    assert 'set encoding to "windows-1252". ' in refused.stderr
    assert "Nothing was imported" in refused.stderr
    outcome = await run("--offline", "--encoding", "windows-1252", folder=folder, data=empty_site(tmp_path / "data"))
    assert outcome.returncode == Exit.OK, outcome.stderr


@pytest.mark.slow
async def test_a_list_goes_through_the_running_server(tmp_path: Path) -> None:
    """The photographs are of several chunks, and what could not be read here is reported all the same."""
    folder, data, report = mixed_list(tmp_path / "list"), tmp_path / "data", tmp_path / "report.json"
    assert (folder / "group.jpg").stat().st_size > 128 * 1024
    async with running(settings(data)) as server:
        outcome = await run(
            "--server", server.address, "--report", str(report), folder=folder, data=tmp_path / "unused"
        )
        assert outcome.returncode == Exit.DATA_PROBLEMS, outcome.stderr
        check_mixed_report(summary_of(report))
        stub = watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel)
        response = await stub.GetSubject(watchlist_service_pb2.GetSubjectRequest(subject_id="S-5"))
        assert len(response.subject.references) == 1
        again = await run("--server", server.address, "--report", str(report), folder=folder, data=tmp_path / "unused")
        assert (again.returncode, summary_of(report)["unchanged"]) == (Exit.DATA_PROBLEMS, 4)
    assert not (tmp_path / "unused").exists()
    assert stored(settings(data))[1] is not None


@pytest.mark.slow
async def test_both_ways_store_the_same(tmp_path: Path) -> None:
    folder = write_orders(
        tmp_path / "list",
        [
            row(
                "O-1",
                **IN_FORCE,
                urgent="yes",
                decree_number="",
                decree_date="",
                revoked_at="2026-01-02T03:04:05+07:00",
                extends_order_id="O-0",
                reason="penyidikan",
                name="Ünal Contoh",
                aliases="A|B",
                sex="M",
                place_of_birth="Batam",
                date_of_birth="1970",
                nik="2171010101700001",
                travel_documents="passport:X1:IDN|KTP:2",
                address="Jl. Contoh 1",
                occupation="nelayan",
            )
        ],
    )
    await run("--offline", folder=folder, data=empty_site(tmp_path / "offline"))
    async with running(settings(tmp_path / "online")) as server:
        await run("--server", server.address, folder=folder, data=tmp_path / "unused")
    files = []
    for data in ("offline", "online"):
        chosen = settings(tmp_path / data)
        database = Database(chosen.database_address)
        files.append(WatchlistStore(database, keyring(database, chosen.master_key_source)).get_subject("S-1"))
        database.close()
    assert files[0] == files[1]
    assert files[0].subject.name == "Ünal Contoh"
    # The same record is known again, whichever way it comes.
    report = tmp_path / "report.json"
    await run("--offline", "--report", str(report), folder=folder, data=empty_site(tmp_path / "online"))
    assert summary_of(report)["unchanged"] == 1


@pytest.mark.slow
async def test_the_configured_server_is_asked_first_and_its_absence_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_orders(tmp_path / "list", [row("O-1", **IN_FORCE)])
    async with running(settings(tmp_path / "online")) as server:
        monkeypatch.setenv("CEKALWATCH_SERVER_LISTEN", server.address)
        assert (await run(folder=folder, data=tmp_path / "own")).returncode == Exit.OK
        assert not (tmp_path / "own").exists()
    assert (await run(folder=folder, data=empty_site(tmp_path / "own"))).returncode == Exit.OK
    assert stored(settings(tmp_path / "own"))[0] == ["S-1"]


async def test_a_server_that_was_named_but_does_not_run_is_an_error(tmp_path: Path) -> None:
    folder = write_orders(tmp_path / "list", [row("O-1", **IN_FORCE)])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    outcome = await run("--server", address, folder=folder, data=tmp_path / "data")
    assert outcome.returncode == Exit.UNAVAILABLE
    assert f"No server is running at {address}" in outcome.stderr
    assert "1 records were not imported" not in outcome.stdout
    assert not (tmp_path / "data").exists()


async def test_a_server_that_breaks_off_is_told_with_what_was_done(tmp_path: Path) -> None:
    """Something listens, and hangs up: no gRPC server."""
    folder = write_orders(tmp_path / "list", [row("O-1", **IN_FORCE)])

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with listener:
        address = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        outcome = await run("--server", address, folder=folder, data=tmp_path / "data")
    assert outcome.returncode == Exit.UNAVAILABLE
    assert "broke off after 0 records" in outcome.stderr
    assert "1 records were not imported" in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["--offline", "--report", "nowhere/report.csv"], Exit.USAGE, "nowhere/report.csv"),
        (["--offline", "--server", "127.0.0.1:1"], Exit.USAGE, "exclude"),
        (["--server", "192.0.2.1:50051"], Exit.CONFIG, "there is no certificate"),
        (["--config", "nowhere.toml"], Exit.CONFIG, "nowhere.toml"),
    ],
)
async def test_wrong_options_are_told_before_anything_is_done(
    tmp_path: Path, arguments: list[str], exit_code: Exit, words: str
) -> None:
    folder = write_orders(tmp_path / "list", [row("O-1", **IN_FORCE)])
    outcome = await run(*arguments, folder=folder, data=tmp_path / "data")
    assert (outcome.returncode, words in outcome.stderr) == (exit_code, True)
    assert "Traceback" not in outcome.stderr
    assert not (tmp_path / "data").exists()


async def test_a_missing_list_has_its_own_exit_code(tmp_path: Path) -> None:
    outcome = await run("--offline", folder=tmp_path / "nothing", data=tmp_path / "data")
    assert outcome.returncode == Exit.NO_INPUT
    (tmp_path / "empty").mkdir()
    assert (await run("--offline", folder=tmp_path / "empty", data=tmp_path / "data")).returncode == Exit.NO_INPUT


async def test_a_list_in_which_no_row_can_be_read_makes_nothing_fresh(tmp_path: Path) -> None:
    folder = write_orders(tmp_path / "list", [row("O-1", kind="?")])
    assert (await run("--offline", folder=folder, data=tmp_path / "data")).returncode == Exit.DATA_PROBLEMS
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
async def test_an_import_into_the_database_reaches_a_server_that_runs(tmp_path: Path) -> None:
    """Another process wrote; the server answers from the same database."""
    data = tmp_path / "data"
    folder = write_orders(tmp_path / "list", [row("O-1", **IN_FORCE)])
    async with running(settings(data)) as server:
        assert (await run("--offline", folder=folder, data=data)).returncode == Exit.OK
        stub = watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel)
        response = await stub.ListSubjects(watchlist_service_pb2.ListSubjectsRequest())
    (entry,) = response.subjects
    assert entry.orders[0].status == watchlist_pb2.ORDER_STATUS_ACTIVE


def subjects_in(file: Path) -> int:
    """Count the subjects in a database that another process makes and fills."""
    if not file.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM subject").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # before its tables


def long_list(folder: Path, most: int) -> Path:
    """A list in which each photograph has a byte more than the one before, so that all of them are looked at."""
    rows = [row(f"O-{n}", subject_id=f"S-{n}", **IN_FORCE, photographs=f"{n}.jpg") for n in range(most)]
    write_orders(folder, rows)
    for number in range(most):
        (folder / f"{number}.jpg").write_bytes(encoded(astronaut()) + bytes(number))
    return folder


async def begun(folder: Path, data: Path, *arguments: str) -> ForkedAsync:
    """Begin an import into the database, and wait until something is stored."""
    empty_site(data)
    process = await ForkedAsync.started(
        *("server", "watchlist", "import", str(folder), "--offline", "--data-dir", str(data), *arguments),
        environment=os.environ | light_environment(),
        stdout=NOTHING,
    )
    async with asyncio.timeout(120):
        while not subjects_in(data / "cekalwatch.sqlite3"):  # noqa: ASYNC110  # another process fills it
            await asyncio.sleep(0.02)
    return process


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit what a running process writes")
async def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Neither the records nor the end of the import can be written then."""
    process = await begun(long_list(tmp_path / "list", 150), tmp_path / "data")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    _, errors = await process.communicate()
    assert process.returncode == Exit.UNAVAILABLE, errors
    assert b"Run the command again" in errors
    assert b"Traceback" not in errors


@pytest.mark.slow
async def test_ctrl_c_keeps_what_is_stored_and_the_next_run_goes_on(tmp_path: Path) -> None:
    most, data, report = 150, tmp_path / "data", tmp_path / "report.json"
    folder = long_list(tmp_path / "list", most)
    process = await begun(folder, data, "--report", str(report))
    chosen = settings(data)
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 130
    done = stored(chosen)
    assert 0 < len(done[0]) < most
    assert done[1] is None, "half a list makes nothing fresh"
    told = json.loads(report.read_text())["records"]
    assert {record["subject_id"] for record in told} <= set(done[0])

    again = await run("--offline", "--report", str(report), folder=folder, data=data)
    assert again.returncode == Exit.OK, again.stderr
    summary = json.loads(report.read_text())["summary"]
    assert (summary["unchanged"], summary["stored"]) == (len(done[0]), most - len(done[0]))
    assert stored(chosen)[1] is not None
