"""The stream of alarms against a real server: what comes over it never ends it for good."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.office.client import alarm_client
from cekalwatch.office.client.alarm_client import AlarmSubscription
from cekalwatch.v1 import trouble_pb2, trouble_service_pb2
from cekalwatch.v1.trouble_service_pb2_grpc import TroubleServiceServicer, add_TroubleServiceServicer_to_server
from cekalwatch.wire.dialer import Dialer

_Servicer: Any = TroubleServiceServicer  # the other methods answer UNIMPLEMENTED, though the stubs call it abstract


def camera_down(began_s: int = 1) -> trouble_pb2.Trouble:
    alarm = trouble_pb2.Trouble(trouble_id="t-1", kind=trouble_pb2.TROUBLE_KIND_CAMERA_DOWN, about="dep-1")
    alarm.begin_time.seconds = began_s
    return alarm


AFTER_YEAR_9999_S = 253_402_300_800
IMPOSSIBLE = {
    "open": trouble_service_pb2.WatchTroublesResponse(
        open=trouble_service_pb2.OpenTroubles(troubles=[camera_down(AFTER_YEAR_9999_S)])
    ),
    "changed": trouble_service_pb2.WatchTroublesResponse(changed=camera_down(-AFTER_YEAR_9999_S)),
}
SOUND = trouble_service_pb2.WatchTroublesResponse(open=trouble_service_pb2.OpenTroubles(troubles=[camera_down()]))


class AlarmServer(_Servicer):  # type: ignore[misc]
    """Says something impossible on its first stream, and what is wrong on each later one."""

    def __init__(self, first: trouble_service_pb2.WatchTroublesResponse) -> None:
        self._said = iter([first])

    def WatchTroubles(  # noqa: N802  # the contract's name
        self, _: trouble_service_pb2.WatchTroublesRequest, __: grpc.ServicerContext
    ) -> Iterator[trouble_service_pb2.WatchTroublesResponse]:
        yield next(self._said, SOUND)


@pytest.mark.parametrize("message", IMPOSSIBLE)
def test_what_no_server_of_ours_can_say_ends_the_connection_and_not_the_alarms(
    message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarm_client, "MAX_PAUSE_S", 0.01)
    server = grpc.server(ThreadPoolExecutor(1))
    add_TroubleServiceServicer_to_server(AlarmServer(IMPOSSIBLE[message]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        subscription = AlarmSubscription(Dialer(f"127.0.0.1:{port}", None), "", silence_timeout_s=30)
        (found,) = next(subscription.updates())
        assert found.kind is AlarmKind.CAMERA_DOWN
    finally:
        server.stop(grace=0).wait()
