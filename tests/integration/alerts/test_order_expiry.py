"""An order ends at midnight by the checkpoint's clock, in a server that runs, without anything being synchronised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import grpc
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import adjudication_pb2 as words
from cekalwatch.v1 import alert_pb2
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB
from tests.support.scenarios.port_office import PortOffice, Seat, port_office, seen
from tests.support.scenarios.server import LateClock, reason_of

BEFORE = timedelta(seconds=30)


class StoppedClock(LateClock):
    """A clock that goes only when it is told to."""

    def __init__(self, moment: datetime) -> None:
        super().__init__()
        self._moment = moment

    def now(self) -> datetime:
        return self._moment + self.later


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    """An office half a minute before the listed person's order ends."""
    today = datetime.now(WIB).date()
    midnight = datetime.combine(today + timedelta(days=1), time(), WIB)
    clock = StoppedClock((midnight - BEFORE).astimezone(UTC))
    people = {"budi": (), "siti": (PersonRole.SUPERVISOR,)}
    made = port_office(tmp_path, people, clock, grouping_window_seconds=0)
    watchlist = WatchlistStore(made.database, keyring(made.database, made.settings.master_key_source))
    file = watchlist.get_subject("S-1")
    watchlist.put(file.subject, replace(file.orders[0], valid_until=today))
    async with asyncio.timeout(120), made.open():
        yield made


@pytest.mark.slow
async def test_the_same_traveller_alerts_before_midnight_and_not_after_and_no_open_alert_goes_on(office: PortOffice):
    budi, siti = await office.sign_in("budi"), await office.sign_in("siti")
    pending = await budi.judge(await budi.claim(await office.raise_alert("1")))
    held = await budi.claim(await office.raise_alert("2"))
    assert held.alert_id != pending.alert_id

    office.clock.go(seconds=BEFORE.total_seconds() - 1)
    last = await office.raise_alert("3")
    assert last not in (held.alert_id, pending.alert_id), "its last second counts"

    events = budi.subscribe()
    assert (await events.read()).HasField("subscribed")
    office.clock.go(seconds=1)
    assert await office.raise_alert("4") == last, "there is no newer alert"
    assert await _refusal(budi.judge, budi, held) == "ORDER_NOT_IN_FORCE"
    assert await _refusal(siti.confirm, siti, pending) == "ORDER_NOT_IN_FORCE"

    left = {pending.alert_id, held.alert_id, last}
    while left:  # the office's watch looks once a second
        message = await events.read()
        if message.event.type == alert_pb2.ALERT_EVENT_TYPE_ORDERS_ENDED:
            assert message.event.alert.HasField("orders_ended_time")
            left.discard(message.event.alert.alert_id)
    for who, alert_id in ((siti, pending.alert_id), (budi, held.alert_id), (siti, last)):
        ended = await who.get(alert_id)
        cleared = await who.call("ClearAlert", **seen(ended), reason=words.REASON_ORDER_ENDED)
        assert cleared.alert.state == words.ALERT_STATE_CLEARED


async def _refusal(step: Callable[[alert_pb2.Alert], Awaitable[object]], who: Seat, alert: alert_pb2.Alert) -> str:
    """Return why a step is refused, of the alert as it is now where the watch has marked it since it was seen."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await step(alert)
    if reason_of(caught.value) != "ALERT_CHANGED":
        return reason_of(caught.value)
    return await _refusal(step, who, await who.get(alert.alert_id))
