"""A port reads the list again: the centre's trail names whom it was not given as they stand, and counts the rest."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import uuid6

from cekalwatch.server.audit.entry import Action
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.v1.list_feed_service_pb2_grpc import ListFeedServiceStub
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.watchlist import order, subject
from tests.support.scenarios.centre_and_port import PORT_SITE, Centre, Port, port_running
from tests.support.scenarios.server import list_astronaut, order_in_force, reason_of
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import Site

pytestmark = pytest.mark.slow
AT_ONCE_H = 1e-9
"""Each reading is a whole one."""


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(Site(tmp_path / "centre"), tmp_path)


@asynccontextmanager
async def reader(centre: Centre, address: str, name: str = "main") -> AsyncIterator[Any]:
    """What reads the list as the port does; it returns pages."""
    files = centre.site.device(DeviceRole.PORT, name, PORT_SITE)
    port = pb.PortServer(sites=[PORT_SITE], run_id=str(uuid6.uuid7()))
    async with centre.site.dialer(address, files).aio_channel() as channel:
        stub: Any = ListFeedServiceStub(channel)

        async def read(**where: str) -> pb.ReadListResponse:
            page: pb.ReadListResponse = await stub.ReadList(pb.ReadListRequest(port=port, **where))
            return page

        yield read


def readings(centre: Centre) -> list[tuple[list[str], dict[str, int]]]:
    """The objects and details of each page's entry."""
    database = Database(centre.settings.database_address)
    found = [one for one in AuditStore(database).links() if one.action == Action.LIST_READ]
    database.close()
    return [(json.loads(one.objects), json.loads(one.details)) for one in found]


async def test_who_has_changed_since_is_named_and_the_others_are_counted(centre: Centre) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    async with centre.open() as line, reader(centre, line.address) as read:
        first = await read()
        with centre.opened() as list_:
            for key in "23":
                list_.put(subject(f"S-{key}"), order(f"O-{key}", subject_id=f"S-{key}"))
        since = await read(position=first.position)
        with centre.opened() as list_:
            list_.put(subject("S-2"), order("O-2", subject_id="S-2", revoked_at=datetime.now(UTC)))
        again = await read(known_position=since.position)
        assert [one.subject_id for one in again.subjects] == ["S-1", "S-3", "S-2"]
        after = await read(position=again.position)
        assert (list(after.subjects), after.position) == ([], again.position)
    one, two, three = readings(centre)
    assert one[0] == ["subject:S-1"]
    assert two[0] == ["subject:S-2", "subject:S-3"]
    # S-3 was the last one then, and others might have changed with it.
    assert three[0] == ["subject:S-3", "subject:S-2"]
    assert (three[1]["subjects"], three[1]["again"]) == (3, 1)
    assert one[1]["until"] <= three[1]["known"] < two[1]["until"] < three[1]["until"]
    assert "again" not in one[1]


async def test_a_known_position_that_the_list_never_had_is_refused(centre: Centre) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    async with centre.open() as line, reader(centre, line.address) as read:
        identity = (await read()).position.partition(".")[0]
        for where in (
            {"known_position": f"{identity}.999.S-1"},
            {"position": f"{identity}.0/999.S-1"},
            {"known_position": "…"},
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await read(**where)
            assert reason_of(refused.value) == Code.LIST_POSITION_UNKNOWN


async def test_who_was_not_given_a_position_cannot_say_that_it_knows_what_comes_before(centre: Centre) -> None:
    """With the stolen certificate of one port: it would read the whole list, and the trail would name nobody."""
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    async with (
        centre.open() as line,
        reader(centre, line.address) as read,
        reader(centre, line.address, "second") as read_second,
    ):
        given = (await read()).position
        position, _, proof = given.rpartition(".")
        identity, _, rest = position.partition(".")
        for where in (
            {"known_position": position},
            {"known_position": f"{position}.{'0' * len(proof)}"},
            {"known_position": f"{identity}.1{rest}.{proof}"},
            {"position": f"{identity}.0/1.S-1.{proof}"},
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await read(**where)
            assert reason_of(refused.value) == Code.LIST_POSITION_UNKNOWN
        for where in ({"known_position": given}, {"position": given}):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await read_second(**where)
            assert reason_of(refused.value) == Code.LIST_POSITION_UNKNOWN
    assert [named for named, _ in readings(centre)] == [["subject:S-1"]]


async def test_a_port_that_reads_the_whole_list_again_says_what_it_knows(centre: Centre) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    with centre.opened() as list_:
        list_.put(subject("S-2"), order("O-2", subject_id="S-2"))
    async with centre.open() as line:
        chosen = centre.port_settings(line.address)
        source = replace(chosen.watchlist.source, whole_every_hours=AT_ONCE_H)  # type: ignore[type-var]
        chosen = chosen.model_copy(update={"watchlist": replace(chosen.watchlist, source=source)})
        async with port_running(chosen) as port:
            await becomes(has(port, "O-1", "O-2"))
            with centre.opened() as list_:
                list_.put(subject("S-3"), order("O-3", subject_id="S-3"))
            await becomes(has(port, "O-1", "O-2", "O-3"))
            assert all(run.whole for run in port.syncs.runs(100))
    named, details = next(one for one in readings(centre) if "again" in one[1])
    assert named == ["subject:S-2", "subject:S-3"]
    assert (details["subjects"], details["again"]) == (3, 1)


def has(port: Port, *orders: str) -> Callable[[], Awaitable[bool]]:
    async def it_has() -> bool:
        return port.orders() == dict.fromkeys(orders, True)

    return it_has
