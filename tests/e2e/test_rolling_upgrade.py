"""Servers go from the last release to this version, one after the other, while cameras and officers work.

This version is installed under a number of its own, as a site does it. The clients, which are of the release too, are
upgraded last. Servers of versions that do not fit are refused: one too far from those that run, one with other tables,
and after the tables were upgraded the former one.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from benchmarks.chaos.checks import adjudications, delivery
from benchmarks.chaos.evidence import Evidence, read
from benchmarks.chaos.machines.officers_pc import OfficersPc
from benchmarks.chaos.sites.plans import PcPlan
from benchmarks.chaos.truth import Truth
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import operations_service_pb2, trouble_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.people import Person
from deploy.demo.programs import wait_until
from deploy.demo.scene import Scene, people_passing, write_video
from tests.support.builders.keys import key_store
from tests.support.scenarios.departures import Departures
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.port_office import sign_in
from tests.support.scenarios.server_group import GroupMember, ServerGroup, server_group
from tests.support.tools.forked_programs import INTERPRETERS
from tests.support.tools.last_release import OtherVersion, has_present_tables, later_version
from tests.support.tools.postgres import fresh_database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("forked_programs")]

SCRIPTED, FILMED = (
    {"camera_id": f"dep-{number}", "site": "batam-center", "counter": f"D{number}", "direction": "DEPARTURE"}
    for number in (1, 2)
)
SCREEN = "pc-1"
PLANS = (PcPlan("pc-2", "budi", PersonRole.OFFICER), PcPlan("pc-3", "siti", PersonRole.SUPERVISOR))
NEXT, TOO_FAR = later_version(patch=1), later_version(minor=2)
IN_CLIP = 2
"""Passages of the listed traveller in a clip."""
GAP_S = 1.5
PAUSE_S = 1.0
"""Between two travellers of the scripted camera."""
WAIT_S = 90.0

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9998", "{before}", None, None


def upgrade() -> None:
    op.add_column("event_log", sa.Column("added", sa.Integer(), nullable=True))
"""


@pytest.fixture
def clip(traveller: Person, tmp_path: Path) -> Path:
    """The traveller passes, and passes again."""
    (walk,) = people_passing([traveller]).walks
    walks = (replace(walk, start_s=walk.start_s + number * (walk.seconds + GAP_S)) for number in range(IN_CLIP))
    file = tmp_path / "clip.mp4"
    write_video(Scene(tuple(walks)), [traveller], file)
    return file


@dataclass
class CaptureHost:
    """A camera client that plays a clip again and again, each time as a program of its own."""

    group: ServerGroup
    clip: Path
    python: Path
    ends: list[dict[str, object]] = field(default_factory=list)
    """What each said as it ended, with exit code 0."""

    def play(self) -> None:
        """Play it once."""
        with self.group.camera(FILMED["camera_id"], self.clip, self.python) as camera:
            camera.wait_for_success(WAIT_S)
            self.ends.append(camera.last_record("camera_ends"))

    def said(self, *events: str) -> list[str]:
        """Return the lines of its log with these events."""
        file = self.group.logs / f"{FILMED['camera_id']}.log"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if any(f'"event": "{event}"' in line for event in events)]

    def streams(self) -> bool:
        """Whether it has connected since it ended last."""
        said = self.said("server_connected", "camera_ends")
        return bool(said) and "server_connected" in said[-1]

    def play_until(self, done: threading.Event) -> None:
        """Play it until then, to its end."""
        while not done.is_set():
            self.play()


async def open_pc(group: ServerGroup, plan: PcPlan, folder: Path, truth: Truth, python: Path) -> OfficersPc:
    """Start a PC at which a person has signed in."""
    tls_dir = group.site.device(DeviceRole.NOTIFIER, plan.name).folder
    pc = OfficersPc(plan, folder / plan.name, group.addresses, tls_dir, truth, group.logs)
    async with group.dialer(DeviceRole.NOTIFIER, plan.name).aio_channel() as channel:
        pc.session_file.keep(await sign_in(channel, plan.person))
    pc.take_version(python, rings=False)
    pc.program.launch()
    return pc


def status(group: ServerGroup, member: GroupMember) -> operations_service_pb2.GetStatusResponse:
    with Dialer(member.address, group.site.diagnostics()).channel() as channel:
        stub: Any = OperationsServiceStub(channel)
        answer: operations_service_pb2.GetStatusResponse = stub.GetStatus(operations_service_pb2.GetStatusRequest())
        return answer


def versions(group: ServerGroup) -> list[str]:
    """The versions of the living servers, as the first one tells."""
    return sorted(one.server_version for one in status(group, group.members[0]).servers if one.alive)


def refused(group: ServerGroup, asked: GroupMember) -> dict[str, str]:
    """Which servers were refused, and why, as a running one tells."""
    kind = trouble_pb2.TROUBLE_KIND_SERVER_REFUSED
    return {one.about: one.details["reason"] for one in status(group, asked).troubles if one.kind == kind}


async def replace_servers(
    group: ServerGroup, python: Path, departures: Departures, host: CaptureHost
) -> list[list[str]]:
    """Upgrade one after the other while travellers pass both cameras, and return the versions of all after each."""
    seen = []
    for member in group.members:
        await until(host.streams, "The stream of the camera that plays")
        upgrading = asyncio.create_task(asyncio.to_thread(group.upgrade, member, python))
        while not upgrading.done():
            departures.traveller()
            await asyncio.wait({upgrading}, timeout=PAUSE_S)
        await upgrading
        seen.append(await asyncio.to_thread(versions, group))
    return seen


# With two servers each is upgraded beside one of the other version; a third repeats that.
@pytest.mark.parametrize("servers", [2, pytest.param(3, marks=pytest.mark.exhaustive)])
async def test_a_rolling_upgrade_loses_nothing_and_versions_that_do_not_fit_are_refused(
    tmp_path: Path, postgres: str, released: OtherVersion, present: OtherVersion, clip: Path, servers: int
) -> None:
    if not has_present_tables(released.commit):
        pytest.skip("the last release has other tables: all its servers stop for an upgrade")
    with (
        fresh_database(postgres) as address,
        server_group(tmp_path, address, servers, python=released.python, cameras=(SCRIPTED, FILMED)) as group,
        ExitStack() as stack,
        closing(Database(address)) as database,
    ):
        key_store(database, KeyFile(tmp_path / "master.key"))
        office, truth = Office(database), Truth()
        for plan in PLANS:
            office.hire(person(plan.person, plan.role))
        pcs = [await open_pc(group, plan, tmp_path, truth, released.python) for plan in PLANS]
        for pc in pcs:
            stack.callback(pc.program.kill)
        await asyncio.to_thread(group.wait_for_positions, [plan.name for plan in PLANS])
        officers = [pc.officer(pc.plan.name) for pc in pcs]
        for officer in officers:
            officer.start()
            stack.callback(officer.close)
            officer.resume()
        screens = [group.notifier(SCREEN, tmp_path / SCREEN, released.python, rings=False)]
        departures = Departures(group, SCRIPTED["camera_id"], screens[0])
        host, upgraded = CaptureHost(group, clip, released.python), threading.Event()
        stack.callback(upgraded.set)
        (before,) = set(versions(group))

        with capture_logs() as logs:
            async with departures.camera.connected():
                departures.traveller()
                await departures.until_rung()
                playing = asyncio.create_task(asyncio.to_thread(host.play_until, upgraded))
                seen = await replace_servers(group, present.python, departures, host)
                upgraded.set()
                await playing
                await departures.until_rung()

                # The clients come last: each goes on where the former version of it was.
                host.python = present.python
                for pc in pcs:
                    pc.take_version(present.python, rings=True)
                    await asyncio.to_thread(pc.program.end)
                    pc.program.launch()
                await asyncio.to_thread(screens[0].program.stop)
                screens.append(group.notifier(SCREEN, tmp_path / SCREEN, present.python))
                departures.look_at(screens[1])
                departures.traveller()
                await asyncio.to_thread(host.play)
                await departures.until_rung()

        assert [sorted({*one}) for one in seen] == [[before, NEXT]] * (servers - 1) + [[NEXT]]
        told = Counter(entry["event"] for entry in logs)
        assert told["server_drains"] >= 1
        assert host.said("server_drains"), "its server was replaced while it sent"
        assert told["server_lost"] == 0, "a server that ends tells its cameras before"

        for officer in officers:
            officer.pause()
        await until(lambda: all(officer.stands for officer in officers), "The officers' last step")

        def evidence() -> Evidence:
            return read(database, (), truth.copied_answers(), {pc.plan: pc.lines for pc in pcs})

        await until(lambda: not delivery.missing(evidence()), "Showing all events at each PC")
        found = evidence()
        each_alerted_once(found, departures.passed, host.ends)
        assert departures.camera.outbox.statistics().drops.total == 0
        shown = Counter(event["sequence"] for screen in screens for event in screen.events)
        assert shown == Counter(event.sequence for event in found.events)
        assert delivery.wrong(found) == []
        assert adjudications.wrong(found) == []
        assert truth.complaints == []
        assert {one.person for one in found.answers} == {plan.person for plan in PLANS}
        await asyncio.to_thread(verify, group, tmp_path)

        await asyncio.to_thread(stack.close)  # the officers go home
        await asyncio.to_thread(versions_that_do_not_fit, group, present, tmp_path)


async def until(condition: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(wait_until, condition, WAIT_S, what)


def each_alerted_once(found: Evidence, scripted: list[str], ends: list[dict[str, object]]) -> None:
    """Check that each capture had its receipt, and each passage one alert."""
    for end in ends:
        assert (end["crops_dropped"], end["crops_without_receipt"]) == (0, 0)
        assert end["crops_settled"] == end["crops"]
        assert end["passages"] == IN_CLIP
    alerts_of: dict[str, set[str]] = defaultdict(set)
    for sighting in found.sightings.values():
        alerts_of[sighting.passage].add(sighting.alert_id)
    assert {len(alerts) for alerts in alerts_of.values()} == {1}
    assert found.sightings.keys() >= {*scripted}
    assert len(alerts_of) == len(found.alerts) == len(scripted) + IN_CLIP * len(ends)
    raised = Counter(event.alert_id for event in found.events if event.type == "RAISED")
    assert raised == Counter(found.alerts.keys())


def verify(group: ServerGroup, folder: Path) -> None:
    """Check the audit trail as each server sees it, which has a key and a ledger of its own, and all rows."""
    kept = folder.glob("server-*/audit_checkpoints.jsonl")
    checkpoints = [part for file in kept for part in ("--checkpoint", str(file))]
    for member in group.members:
        group.command(member, "audit", "verify", *checkpoints)
    group.command(group.members[0], "rows", "check")


def versions_that_do_not_fit(group: ServerGroup, former: OtherVersion, folder: Path) -> None:
    """Try versions that do not fit beside servers that run, and the former one after the tables were upgraded."""
    other = former.copied(folder / "other")
    first, second, *more = group.members

    other.call_itself(TOO_FAR)
    assert_refused(group, first, other, "at most one minor version apart")
    wait_until(lambda: refused(group, second) == {"server-1": "VERSION"}, WAIT_S, "Telling that it was refused")

    other.call_itself(NEXT)
    migrations = other.packages / "cekalwatch/server/storage/migrations/versions"
    newest = max(file.name.split("_")[0] for file in migrations.glob("[0-9]*.py"))
    (migrations / "9998_next.py").write_text(MIGRATION.format(before=newest))
    INTERPRETERS.add(str(other.python))
    assert_refused(group, first, other, "Stop all its servers, and run: cekalwatch-server upgrade")
    wait_until(lambda: refused(group, second) == {"server-1": "DATABASE_OLDER"}, WAIT_S, "Telling that it was refused")

    for member in (second, *more):
        assert member.program
        member.program.stop()
    group.command(first, "upgrade", "--without-backup")
    group.launch(first)
    group.wait_for(first)
    assert_refused(group, second, former, "made by a newer version of this program")
    wait_until(lambda: refused(group, first) == {"server-2": "DATABASE_NEWER"}, WAIT_S, "Telling that it was refused")


def assert_refused(group: ServerGroup, member: GroupMember, version: OtherVersion, message: str) -> None:
    """Start a server with another version, and see it end with what there is to do."""
    assert member.program
    member.program.stop()
    member.python = version.python
    assert group.launch(member).wait(WAIT_S) == Exit.CONFIG
    assert message in member.program.last_lines()
