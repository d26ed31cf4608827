"""A server that does not fit the others says what to do, and those that run show it until it fits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.cluster import peers
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.foundation.refusals import StartRefusal
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.migrations.applying import MIGRATIONS
from cekalwatch.v1 import operations_service_pb2, trouble_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from tests.support.scenarios.server import LateClock, Running, running, settings
from tests.support.scenarios.sign_in import becomes
from tests.support.tools.second_pack import model_packs

pytestmark = pytest.mark.slow

WAIT_S = 120.0
NAME = "other"


@dataclass(frozen=True)
class Misfit:
    """How the second server differs from the one that runs."""

    reason: StartRefusal
    message: str
    overrides: dict[str, Any] = field(default_factory=dict)
    late: timedelta = timedelta()
    database: str = ""
    """What is done to the database before, and `mended` after."""
    mended: str = ""
    exit_code: Exit = Exit.CONFIG


def version_of_tables(number: str) -> str:
    return f"UPDATE alembic_version SET version_num = '{number}'"  # noqa: S608  # ours


MISFITS = (
    Misfit(
        StartRefusal.LAW,
        r"legal\.urgent_days is 20 there and 14 here.*stop all servers",
        {"legal": {"urgent_days": 14}},
    ),
    Misfit(StartRefusal.MODEL, r"Name the same `model_pack`", {"model_pack": "negated"}),
    Misfit(StartRefusal.CLOCK, r"clocks are .* s apart.*Set up NTP", late=timedelta(seconds=30)),
    Misfit(
        StartRefusal.MASTER_KEY, r"master key is the wrong one.*Set master_key_from", {"master_key_from": "another"}
    ),
    Misfit(StartRefusal.NAME_TAKEN, r"Give each server a `server_name` of its own", {"server_name": "one"}),
    Misfit(
        StartRefusal.DATABASE_NEWER,
        r"made by a newer version of this program.*update the program",
        database=version_of_tables("9999"),
        mended=version_of_tables(ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""),
    ),
    Misfit(StartRefusal.OTHER, r"Give each a `data_dir` of its own", {"data_dir": "one"}, exit_code=Exit.UNAVAILABLE),
)


async def refused(server: Running) -> dict[str, dict[str, str]]:
    """What the status of a server says of others that were refused, by their names."""
    stub: Any = OperationsServiceStub(server.channel)
    status = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
    kind = trouble_pb2.TROUBLE_KIND_SERVER_REFUSED
    return {one.about: dict(one.details) for one in status.troubles if one.kind == kind}


async def test_each_misfit_is_told_by_itself_and_by_the_one_that_runs(
    tmp_path: Path, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "NAMESAKE_DIED_AFTER", timedelta(minutes=1))  # on a busy machine one is silent for long
    another = KeyFile(tmp_path / "another.key")
    another.read_or_make()
    in_folder: dict[str, Callable[[str], Any]] = {
        "master_key_from": lambda _: f"file:{another.path}",
        "data_dir": lambda name: tmp_path / name,
    }
    shared = {
        "database_url": postgres_database,
        "master_key_from": f"file:{tmp_path / 'master.key'}",
        "models_dir": model_packs(),
        "threads": 1,
    }

    def chosen(name: str, **overrides: Any) -> Any:
        own = {key: in_folder[key](value) if key in in_folder else value for key, value in overrides.items()}
        return settings(tmp_path / name, **shared | {"server_name": name} | own)

    def change(statement: str) -> None:
        with closing(Database(postgres_database)) as database, database.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    async with asyncio.timeout(WAIT_S), running(chosen("one")) as one:
        for misfit in MISFITS:
            clock = LateClock()
            clock.go(seconds=misfit.late.total_seconds())
            if misfit.database:
                change(misfit.database)
            name = misfit.overrides.get("server_name", NAME)
            with pytest.raises(ProgramError) as told:
                async with Server(chosen(NAME, **misfit.overrides), clock):
                    pass
            if misfit.mended:
                change(misfit.mended)
            assert re.search(misfit.message, str(told.value)), misfit
            assert told.value.exit_code is misfit.exit_code

            async def is_shown(misfit: Misfit = misfit, name: str = name) -> bool:
                shown = (await refused(one)).get(name, {})
                return shown.get("reason") == misfit.reason and bool(shown["machine"] and shown["version"])

            await becomes(is_shown)

        async with running(chosen(NAME)):  # it fits now

            async def is_over() -> bool:
                return not await refused(one)

            await becomes(is_over)
