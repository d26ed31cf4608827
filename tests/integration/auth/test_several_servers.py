"""What one server knows of people, alerts and captures counts on the other one of the same database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import grpc
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.people import LockOut, TryAllowance
from cekalwatch.v1 import session_service_pb2 as sessions
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tokens import bearer
from tests.support.builders.keys import TESTS_KEY
from tests.support.scenarios import people
from tests.support.scenarios.port_office import PortOffice, Seat
from tests.support.scenarios.server import CaptureClient, face, reason_of
from tests.support.scenarios.sign_in import Desk, becomes, refused, threshold_of
from tests.support.scenarios.site_pki import SITE, Site, now

pytestmark = pytest.mark.slow


@dataclass
class Office:
    """An office with two servers."""

    port: PortOffice
    second: str
    """The address of the other server."""

    @asynccontextmanager
    async def desk(self, address: str, name: str, role: DeviceRole = DeviceRole.NOTIFIER) -> AsyncIterator[Desk]:
        """A device at one of the servers."""
        files = self.port.site.device(role, name)
        async with self.port.site.dialer(address, files).aio_channel() as channel:
            yield Desk(channel)

    @property
    def first(self) -> str:
        return self.port.address


@pytest.fixture
async def office(tmp_path: Path, postgres_database: str) -> AsyncIterator[Office]:
    site = Site(tmp_path)
    shared = {
        "database_url": postgres_database,
        "master_key_from": f"file:{tmp_path / 'master.key'}",
        "pki_dir": tmp_path / "pki",
        "tls_dir": tmp_path / "tls",
        "grouping_window_seconds": 0,
    }
    write_private(tmp_path / "master.key", f"{TESTS_KEY.text}\n".encode())
    port = PortOffice(site, site.settings(**shared))
    port.hire("budi", PersonRole.OFFICER)
    port.hire("ani", PersonRole.OFFICER)
    port.hire("adi", PersonRole.ADMINISTRATOR)
    port.hire("sari", PersonRole.SUPERVISOR)
    other = site.settings(**shared, data_dir=tmp_path / "second", server_name="second")
    async with port.open(), Server(other, port.clock) as second:
        yield Office(port, f"127.0.0.1:{second.port}")


async def test_wrong_passwords_count_wherever_they_are_tried(office: Office) -> None:
    async with office.desk(office.first, "pc-1") as one, office.desk(office.second, "pc-1") as other:
        for number in range(LockOut().free_tries):
            assert await refused((one, other)[number % 2].sign_in("budi", "salah")) == "SIGN_IN_REFUSED"
        for desk in (one, other):
            assert await refused(desk.sign_in("budi")) == "SIGN_IN_LOCKED"


async def test_a_device_has_no_more_wrong_passwords_for_having_two_servers(office: Office) -> None:
    allowed = TryAllowance().at_once
    async with office.desk(office.first, "pc-1") as one, office.desk(office.second, "pc-1") as other:
        assert await one.sign_in("ani")  # a right one counts for nothing
        for number in range(allowed):
            assert await refused((one, other)[number % 2].sign_in(f"nobody-{number}", "salah")) == "SIGN_IN_REFUSED"
        for desk in (one, other):
            assert await refused(desk.sign_in("budi")) == "SIGN_IN_TOO_OFTEN"
        async with office.desk(office.second, "pc-2") as elsewhere:
            assert await elsewhere.sign_in("budi")
        office.port.clock.go(seconds=TryAllowance().each.total_seconds())
        assert await one.sign_in("budi")


async def test_a_session_is_one_on_both_until_it_ends(office: Office) -> None:
    async with office.desk(office.first, "pc-1") as one, office.desk(office.second, "pc-1") as other:
        token = await one.sign_in("budi")
        assert (await other.whoami(token)).display_name == "Petugas budi"
        await other.sessions().SignOut(sessions.SignOutRequest(), metadata=bearer(token))
        assert await refused(one.whoami(token)) == "SESSION_ENDED"


async def test_who_is_disabled_at_one_is_out_at_both(office: Office) -> None:
    async with office.desk(office.first, "pc-1") as one, office.desk(office.second, "pc-1") as other:
        token = await one.sign_in("budi")
        assert (await other.whoami(token)).display_name == "Petugas budi"
        books = people.Office(office.port.database)
        books.people.change(replace(office.port.people["budi"], disabled=True), books.entry(Action.PERSON_CHANGED))
        for desk in (one, other):
            assert await refused(desk.whoami(token)) == "SESSION_ENDED"
            assert await refused(desk.sign_in("budi")) == "SIGN_IN_REFUSED"


async def test_a_changed_password_and_role_count_on_both(office: Office) -> None:
    async with office.desk(office.first, "pc-1") as one, office.desk(office.second, "pc-1") as other:
        await one.change(await one.sign_in("budi"), people.PASSWORD, people.OTHER_PASSWORD)
        assert await refused(other.sign_in("budi")) == "SIGN_IN_REFUSED"
        token = await other.sign_in("budi", people.OTHER_PASSWORD)
        await one.alerts(token)
        books = people.Office(office.port.database)
        changed = replace(office.port.people["budi"], roles=frozenset({PersonRole.ADMINISTRATOR}))
        books.people.change(changed, books.entry(Action.PERSON_CHANGED))
        for desk in (one, other):
            assert await refused(desk.alerts(token)) == "PERSON_ROLE_NEEDED"


async def test_a_second_person_signs_at_one_for_an_act_at_the_other_and_for_one_act_only(office: Office) -> None:
    async with office.desk(office.first, "pc-1") as one, office.desk(office.second, "pc-1") as other:
        token = await one.sign_in("adi")
        word = await one.countersign("sari", token, threshold_of(0.6))
        await other.set_threshold(0.6, token, word)
        for desk in (one, other):
            assert await refused(desk.set_threshold(0.6, token, word)) == "SESSION_ENDED"


async def test_who_holds_an_alert_holds_it_on_both(office: Office) -> None:
    alert_id = await office.port.raise_alert()
    budi = await office.port.sign_in("budi")
    ani = await office.port.sign_in("ani")
    async with office.desk(office.second, "pc-ani") as desk:
        ani_there = Seat(desk.channel, "pc-ani", ani.token)
        await budi.claim(alert_id)
        assert await ani_there.refusal("ClaimAlert", alert_id=alert_id, agent_id="pc-ani") == "ALERT_HELD"
    async with office.desk(office.second, "pc-budi") as desk:
        budi_there = Seat(desk.channel, "pc-budi", budi.token)
        judged = await budi_there.judge(await budi_there.get(alert_id))
    assert (await ani.get(alert_id)).version == judged.version


async def test_a_capture_that_both_get_is_one_sighting(office: Office) -> None:
    capture = face(track="1")
    for address in (office.first, office.second):
        async with office.desk(address, "dep-1", DeviceRole.CAMERA) as desk:
            camera = await CaptureClient.open(desk.channel)
            assert (await camera.receipt(capture))[0] == "ACCEPTED"
            camera.call.cancel()
    with office.port.database.engine.connect() as connection:
        events, sightings = (
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # noqa: S608  # names of tables
            for table in ("alert_event", "sighting")
        )
    assert (events, sightings) == (1, 1)


async def test_a_revoked_device_is_refused_by_both(office: Office) -> None:
    async with office.desk(office.first, "pc-1") as one, office.desk(office.second, "pc-1") as other:
        token = await one.sign_in("budi")
        office.port.site.pki.revoke(Identity(DeviceRole.NOTIFIER, SITE, "pc-1"), now())

        for desk in (one, other):
            await becomes(partial(is_revoked, desk, token))


async def test_a_revoked_cameras_stream_ends_at_the_server_that_has_it(office: Office) -> None:
    async with office.desk(office.second, "dep-1", DeviceRole.CAMERA) as desk:
        stream = await CaptureClient.open(desk.channel)
        office.port.site.pki.revoke(Identity(DeviceRole.CAMERA, SITE, "dep-1"), now())
        assert await stream.error() == (grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_REVOKED")


async def is_revoked(desk: Desk, token: str) -> bool:
    try:
        await desk.whoami(token)
    except grpc.aio.AioRpcError as error:
        return reason_of(error) == "CERTIFICATE_REVOKED"
    return False
