"""A centre of two servers on one PostgreSQL: to people, and to a port, they are one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import uuid6

from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.foundation.errors import Code
from cekalwatch.v1 import list_feed_service_pb2 as feed
from cekalwatch.v1.list_feed_service_pb2_grpc import ListFeedServiceStub
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.centre import CENTRE, PORT_NAME, WAIT_S, Centre, port_of
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE

pytestmark = pytest.mark.slow


async def test_a_picture_is_had_from_the_server_at_which_the_port_does_not_report(
    tmp_path: Path, postgres_database: str
) -> None:
    shared = {"database_url": postgres_database, "master_key_from": f"file:{tmp_path / 'master.key'}"}
    centre = Centre(tmp_path / "centre", shared | {"server_name": "first"})
    second = centre.settings.model_copy(update={"server_name": "second", "data_dir": tmp_path / "second"})
    second = second.model_copy(update={"tls_dir": centre.settings.tls_path, "pki_dir": centre.settings.pki_path})
    async with Server(centre.settings, centre.clock) as one, Server(second, centre.clock) as other:
        places = {"first": f"127.0.0.1:{one.port}", "second": f"127.0.0.1:{other.port}"}
        port = port_of(tmp_path / "port", centre, *places.values())
        centre.address = places["first"]
        async with port.open(), centre.supervisor(CENTRE) as rina:
            alert_id = await port.raise_alert()
            await rina.until(alert_id, lambda _: True)
            (state,) = await rina.ports()
            centre.address = places["second" if state.server == "first" else "first"]
            async with centre.supervisor(CENTRE) as there:

                async def has_picture() -> bool:
                    with suppress(grpc.aio.AioRpcError):  # its stream for pictures opens a moment later
                        return bool((await there.alert(alert_id, images=True)).images.probe_jpeg)
                    return False

                await becomes(has_picture)
                (again,) = await there.ports()
                assert again.server == state.server, "where it gives pictures only, it is not said to be"
            assert port.trail(Action.ALERT_VIEWED)
            await refuses_a_twin(centre, places)
    centre.database.close()


async def refuses_a_twin(centre: Centre, places: dict[str, str]) -> None:
    """A second program with the port's certificate gets nothing, at whatever server."""
    files = centre.site.device(DeviceRole.PORT, PORT_NAME)
    request = feed.FollowListRequest(port=feed.PortServer(sites=[SITE], run_id=str(uuid6.uuid7()), model_version="x"))
    for place in places.values():
        async with centre.site.dialer(place, files).aio_channel() as channel, asyncio.timeout(WAIT_S):
            stub: Any = ListFeedServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await stub.FollowList(request).read()
            assert reason_of(error.value) == Code.PORT_FOLLOWED_ELSEWHERE
