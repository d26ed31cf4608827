"""Two servers on one PostgreSQL whose clocks came apart while they run do not end each other's claims."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, AuditEntry
from cekalwatch.server.domain.clock import SystemClock
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.store import Account, KeptPassword, PeopleStore
from cekalwatch.v1 import adjudication_pb2 as words
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.keys import KEEPER, keyring
from tests.support.scenarios.people import PASSWORD, cheap_passwords, person
from tests.support.scenarios.port_office import Seat, sign_in
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, settings
from tests.support.scenarios.sign_in import becomes

pytestmark = pytest.mark.slow

LEASE_S = 6.0
"""Shorter than an office may have it."""
LOOKS_S = 4.0
"""How long a server may take to see that something is due, beside other tests."""
APART = timedelta(seconds=100)


class SetClock(SystemClock):
    """A clock that somebody sets while its server runs."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def state_after(seat: Seat, alert_id: str) -> tuple[int, int]:
    """Where the alert stands, and its version."""
    alert = (await seat.call("GetAlert", alert_id=alert_id)).alert
    return alert.state, alert.version


@pytest.mark.parametrize("ahead", [APART, -APART], ids=["the leader's is ahead", "the leader's is behind"])
async def test_two_servers_whose_clocks_differ_do_not_flap_and_a_new_leader_takes_a_lease_more_at_most(
    tmp_path: Path, postgres_database: str, ahead: timedelta
) -> None:
    key = tmp_path / "master.key"
    shared = {"database_url": postgres_database, "master_key_from": f"file:{key}"}

    def chosen(name: str) -> ServerSettings:
        made = settings(tmp_path / name, **shared, server_name=name)
        return made.model_copy(update={"claim_lease_seconds": LEASE_S})

    list_astronaut(chosen("leader"))
    with closing(Database(postgres_database)) as database:
        keyring(database, KeyFile(key))
        account = Account(person("budi"), KeptPassword(cheap_passwords().hash(PASSWORD), must_change=False))
        PeopleStore(database).add(account, AuditEntry(datetime.now(UTC), KEEPER, Action.PERSON_ADDED))
    clocks = SetClock(), SetClock()
    async with asyncio.timeout(150), AsyncExitStack() as opened:
        leading = await opened.enter_async_context(AsyncExitStack())
        leader = await leading.enter_async_context(Server(chosen("leader"), clocks[0]))
        other = await opened.enter_async_context(Server(chosen("other"), clocks[1]))
        clocks[0].ahead = ahead
        cameras = await leading.enter_async_context(Dialer(f"127.0.0.1:{leader.port}", None).aio_channel())
        channel = await opened.enter_async_context(Dialer(f"127.0.0.1:{other.port}", None).aio_channel())
        camera = await CaptureClient.open(cameras)
        assert (await camera.receipt(face()))[0] == "ACCEPTED"
        camera.call.cancel()
        budi = Seat(channel, "pc-budi", await sign_in(channel, "budi"))
        ((alert_id, version),) = [(one.alert_id, one.version) for one in (await budi.call("ListAlerts")).alerts]
        claim = {"alert_id": alert_id, "agent_id": budi.agent_id}
        begun = time.monotonic()
        while time.monotonic() - begun < 1.5 * LEASE_S:
            await budi.call("ClaimAlert", **claim)
            await asyncio.sleep(LEASE_S / 4)
            assert await state_after(budi, alert_id) == (words.ALERT_STATE_CLAIMED, version + 1), "it flaps"
        await budi.call("ClaimAlert", **claim)
        renewed = time.monotonic()
        await asyncio.sleep(LEASE_S / 2)
        await leading.aclose()  # and the PC has died

        async def is_free() -> bool:
            await asyncio.sleep(0.2)  # an alert takes a server longer to tell than it takes to wait
            return (await state_after(budi, alert_id))[0] == words.ALERT_STATE_NEW

        await becomes(is_free, 2 * LEASE_S + LOOKS_S)
        assert LEASE_S <= time.monotonic() - renewed <= 2 * LEASE_S + LOOKS_S
