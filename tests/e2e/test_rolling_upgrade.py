"""Three servers go from the last release to this version, one after the other, while a camera and officers work.

This version is installed under a number of its own, as a site does it. A version with other tables is refused beside
those that run, and after the tables were upgraded the former version is.
"""

from __future__ import annotations

import asyncio
import shutil
import sysconfig
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from benchmarks.chaos.checks import adjudications, delivery
from benchmarks.chaos.evidence import read
from benchmarks.chaos.machines.officers_pc import OfficersPc, PcPlan
from benchmarks.chaos.truth import Truth
from cekalwatch.program.errors import Exit
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import operations_service_pb2, trouble_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.vocabulary.people import PersonRole
from deploy.demo.programs import run_to_end, wait_until
from tests.support.builders.keys import key_store
from tests.support.scenarios.departures import Departures
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.port_office import sign_in
from tests.support.scenarios.server_group import GroupMember, ServerGroup, server_group
from tests.support.tools.last_release import OtherVersion, has_present_tables, install_as
from tests.support.tools.postgres import fresh_database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CAMERA = "dep-1"
NEXT = "0.1.1"
PLANS = (PcPlan("pc-2", "budi", PersonRole.OFFICER), PcPlan("pc-3", "siti", PersonRole.SUPERVISOR))
WAIT_S = 60.0


MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9998", "{before}", None, None


def upgrade() -> None:
    op.add_column("event_log", sa.Column("added", sa.Integer(), nullable=True))
"""


@pytest.fixture(scope="module")
def present(tmp_path_factory: pytest.TempPathFactory) -> OtherVersion:
    return install_as(NEXT, tmp_path_factory.mktemp("present"))


def with_other_tables(version: OtherVersion, folder: Path) -> OtherVersion:
    """A copy of a version in `folder` that needs tables of its own, as a later one would."""
    shutil.copytree(version.folder, folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    migrations = packages / "cekalwatch/server/storage/migrations/versions"
    before = max(file.name.split("_")[0] for file in migrations.glob("[0-9]*.py"))
    (migrations / "9998_next.py").write_text(MIGRATION.format(before=before))
    return OtherVersion(version.commit, folder)


def status(group: ServerGroup, member: GroupMember) -> operations_service_pb2.GetStatusResponse:
    with Dialer(member.address, group.site.diagnostics()).channel() as channel:
        stub: Any = OperationsServiceStub(channel)
        answer: operations_service_pb2.GetStatusResponse = stub.GetStatus(operations_service_pb2.GetStatusRequest())
        return answer


def versions(group: ServerGroup) -> dict[str, str]:
    """Which version each living server has, as the first one tells."""
    return {one.name: one.server_version for one in status(group, group.members[0]).servers if one.alive}


def refused(group: ServerGroup, asked: GroupMember) -> dict[str, str]:
    """Which servers were refused, and why, as a running one tells."""
    kind = trouble_pb2.TROUBLE_KIND_SERVER_REFUSED
    return {one.about: one.details["reason"] for one in status(group, asked).troubles if one.kind == kind}


async def office_pc(group: ServerGroup, plan: PcPlan, folder: Path, truth: Truth) -> OfficersPc:
    """A PC at which a person has signed in."""
    tls_dir = group.site.device(DeviceRole.NOTIFIER, plan.name).folder
    pc = OfficersPc(plan, folder / plan.name, group.addresses, tls_dir, truth, group.logs)
    async with group.dialer(DeviceRole.NOTIFIER, plan.name).aio_channel() as channel:
        pc.session_file.keep(await sign_in(channel, plan.person))
    return pc


async def test_a_rolling_upgrade_loses_nothing_and_versions_that_do_not_fit_are_refused(
    tmp_path: Path, postgres: str, released: OtherVersion, present: OtherVersion
) -> None:
    if not has_present_tables(released.commit):
        pytest.skip("the last release has other tables: all its servers stop for an upgrade")
    with (
        fresh_database(postgres) as address,
        server_group(tmp_path, address, python=released.python) as group,
        ExitStack() as stack,
    ):
        with closing(Database(address)) as database:
            office = Office(database)
            for plan in PLANS:
                office.hire(person(plan.person, plan.role))
        truth = Truth()
        pcs = [await office_pc(group, plan, tmp_path, truth) for plan in PLANS]
        officers = []
        for pc in pcs:
            pc.program.launch()
            stack.callback(pc.program.kill)
            officers.append(pc.officer(pc.plan.name))
        notifier = group.notifier("pc-1", tmp_path / "pc-1")
        departures = Departures(group, CAMERA, notifier)
        for officer in officers:
            officer.start()
            stack.callback(officer.close)
            officer.resume()
        (before,) = set(versions(group).values())

        async with departures.camera.connected():
            departures.traveller()
            await departures.until_rung()
            seen: set[tuple[str, ...]] = set()
            with capture_logs() as logs:
                for member in group.members:
                    upgrading = asyncio.create_task(asyncio.to_thread(group.upgrade, member, present.python))
                    while not upgrading.done():
                        departures.traveller()
                        await asyncio.wait({upgrading}, timeout=0.5)
                    await upgrading
                    seen.add(tuple(sorted(versions(group).values())))
                await departures.until_rung()
            told = Counter(entry["event"] for entry in logs)
            assert told["server_drains"] >= 1
            assert told["server_lost"] == 0, "a server that ends tells its cameras before"
            assert (before, NEXT, NEXT) in seen, "two versions worked side by side"
            assert set(versions(group).values()) == {NEXT}
        shown = Counter(event["sequence"] for event in notifier.events)
        assert max(shown.values()) == 1
        assert departures.camera.outbox.statistics().drops.total == 0
        await asyncio.to_thread(stack.close)  # the officers go home
        assert not truth.complaints
        assert len(truth.copied_answers()) >= len(group.members)
        with closing(Database(address)) as database:
            key_store(database, KeyFile(tmp_path / "master.key"))
            evidence = read(database, (), truth.copied_answers(), {pc.plan: pc.lines for pc in pcs})
        assert adjudications.wrong(evidence) == []
        assert delivery.wrong(evidence) == []

        await asyncio.to_thread(versions_that_do_not_fit, group, present, tmp_path)


def versions_that_do_not_fit(group: ServerGroup, former: OtherVersion, folder: Path) -> None:
    """Try a version with other tables beside servers that run, and the former one after the tables were upgraded."""
    latest = with_other_tables(former, folder / "latest")
    first, second, third = group.members

    assert first.program
    first.program.stop()
    first.python = latest.python
    assert group.launch(first).wait(WAIT_S) == Exit.CONFIG
    assert "Stop all its servers, and run: cekalwatch-server upgrade" in first.program.last_lines()
    wait_until(lambda: refused(group, second) == {"server-1": "DATABASE_OLDER"}, WAIT_S, "Telling that it was refused")

    for member in (second, third):
        assert member.program
        member.program.stop()
    upgrade = ["-m", "cekalwatch.server", "upgrade", "--without-backup", "--config", str(first.config_file)]
    run_to_end("upgrade", upgrade, group.logs, WAIT_S, python=latest.python)
    group.launch(first)
    group.wait_for(first)
    assert group.launch(second).wait(WAIT_S) == Exit.CONFIG
    assert "made by a newer version of this program" in second.program.last_lines()
    wait_until(lambda: refused(group, first) == {"server-2": "DATABASE_NEWER"}, WAIT_S, "Telling that it was refused")
