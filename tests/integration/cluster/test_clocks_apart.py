"""Two servers on one PostgreSQL whose clocks came apart while they run do not end each other's claims."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.server.alerts.automatic_steps import Escalator
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, AuditEntry
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.store import Account, KeptPassword, PeopleStore
from cekalwatch.server.wiring import alerts
from cekalwatch.v1 import adjudication_pb2 as words
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.keys import KEEPER, keyring
from tests.support.scenarios.people import PASSWORD, cheap_passwords, person
from tests.support.scenarios.port_office import Seat, sign_in
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, settings
from tests.support.scenarios.sign_in import becomes

pytestmark = pytest.mark.slow

LEASE_S = 90.0
APART = timedelta(seconds=100)
"""More than a lease."""


class SetClock(SystemClock):
    """A clock that somebody sets while its server runs, and whose time passes at once."""

    ahead, passed_s = timedelta(), 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def elapsed_s(self) -> float:
        return super().elapsed_s() + self.passed_s


class Time:
    """Lets time pass for both servers, and waits until the one that leads has looked at the alerts after it."""

    def __init__(self, clocks: Sequence[SetClock], patch: pytest.MonkeyPatch) -> None:
        self._clocks, self._looks = clocks, 0
        escalate = Escalator.escalate

        def look(escalator: Escalator) -> int:
            moved = escalate(escalator)
            self._looks += 1
            return moved

        patch.setattr(Escalator, "escalate", look)
        patch.setattr(alerts, "ESCALATE_PERIOD_S", 0.2)

    async def passes(self, seconds: float) -> None:
        for clock in self._clocks:
            clock.passed_s += seconds
        looks = self._looks

        async def looked() -> bool:
            return self._looks >= looks + 2  # one was perhaps under way

        await becomes(looked)


async def state_after(seat: Seat, alert_id: str) -> tuple[int, int]:
    """Where the alert stands, and its version."""
    alert = (await seat.call("GetAlert", alert_id=alert_id)).alert
    return alert.state, alert.version


@pytest.mark.parametrize("ahead", [APART, -APART], ids=["the leader's is ahead", "the leader's is behind"])
async def test_two_servers_whose_clocks_differ_do_not_flap_and_a_new_leader_takes_a_lease_more_at_most(
    tmp_path: Path, postgres_database: str, ahead: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "master.key"
    shared = {"database_url": postgres_database, "master_key_from": f"file:{key}"}

    def chosen(name: str) -> ServerSettings:
        return settings(tmp_path / name, **shared, server_name=name, claim_lease_seconds=LEASE_S)

    list_astronaut(chosen("leader"))
    with closing(Database(postgres_database)) as database:
        keyring(database, KeyFile(key))
        account = Account(person("budi"), KeptPassword(cheap_passwords().hash(PASSWORD), must_change=False))
        PeopleStore(database).add(account, AuditEntry(datetime.now(UTC), KEEPER, Action.PERSON_ADDED))
    clocks = SetClock(), SetClock()
    time = Time(clocks, monkeypatch)
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
        for _ in range(3):
            await budi.call("ClaimAlert", **claim)
            await time.passes(LEASE_S / 2)
            assert await state_after(budi, alert_id) == (words.ALERT_STATE_CLAIMED, version + 1), "it flaps"
        await budi.call("ClaimAlert", **claim)
        await time.passes(LEASE_S / 2)
        await leading.aclose()  # and the PC has died
        await time.passes(0)  # the other leads, and has not seen for how long the claim stands
        await time.passes(LEASE_S / 2 - 5)
        assert (await state_after(budi, alert_id))[0] == words.ALERT_STATE_CLAIMED, "a lease is not over"
        await time.passes(LEASE_S / 2 + 5)
        assert (await state_after(budi, alert_id))[0] == words.ALERT_STATE_NEW
