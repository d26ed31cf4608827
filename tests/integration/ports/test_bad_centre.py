"""A centre that answers nonsense or half a list, or has none: what to do is said, and the status tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api.servicers.watchlist.list_feed import listed_subject
from cekalwatch.server.storage.watchlist.list_feed import ChangedSubject
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.v1 import operations_service_pb2, trouble_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from tests.support.builders.watchlist import order, subject
from tests.support.scenarios.centre_and_port import Port, port_running
from tests.support.scenarios.server import settings
from tests.support.scenarios.sign_in import becomes

pytestmark = pytest.mark.slow

Answer = Callable[[pb.ReadListRequest], pb.ReadListResponse]


class OddCentre:
    """A centre that answers as a test tells it to."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        """None: it goes away."""

    def handlers(self) -> grpc.GenericRpcHandler:
        """Its methods."""
        follow = grpc.unary_stream_rpc_method_handler(
            self._follow, pb.FollowListRequest.FromString, pb.FollowListResponse.SerializeToString
        )
        read = grpc.unary_unary_rpc_method_handler(
            self._read, pb.ReadListRequest.FromString, pb.ReadListResponse.SerializeToString
        )
        return grpc.method_handlers_generic_handler(
            "cekalwatch.v1.ListFeedService", {"FollowList": follow, "ReadList": read}
        )

    async def _follow(self, _: pb.FollowListRequest, __: Any) -> AsyncIterator[pb.FollowListResponse]:
        for number in count():
            yield pb.FollowListResponse(state=f"list.{number}")
            await asyncio.sleep(0.5)

    async def _read(self, request: pb.ReadListRequest, context: Any) -> pb.ReadListResponse:
        if self.answer is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
            raise AssertionError("it has ended")
        return self.answer(request)


@asynccontextmanager
async def port_of(folder: Path, centre: OddCentre | None) -> AsyncIterator[Port]:
    """Run a port whose centre that is; None: a server without a list."""
    server = grpc.aio.server()
    if centre:
        server.add_generic_rpc_handlers((centre.handlers(),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    source = {"kind": "centre", "addresses": (address,)}
    sync = {"retry_first_seconds": 0.5, "retry_max_seconds": 1}
    try:
        async with port_running(settings(folder, watchlist={"source": source, "sync": sync}, threads=1)) as port:
            yield port
    finally:
        await server.stop(None)


def listed(number: int, named: str = "") -> pb.ListedSubject:
    """A subject with an order; `named`: the key that the subject itself says."""
    key = f"S-{number}"
    file = SubjectFile(subject(key), (order(f"O-{number}", subject_id=key),), ())
    message = listed_subject(ChangedSubject(number, key, file, held=True))
    message.subject.subject_id = named or key
    return message


async def ended(port: Port, so: Callable[[SyncRun], bool]) -> SyncRun:
    """Wait until a run ended so, and return it."""
    found: list[SyncRun] = []

    async def has_ended() -> bool:
        runs = await asyncio.to_thread(port.syncs.runs, 20)
        found[:] = [run for run in runs if so(run)]
        return bool(found)

    await becomes(has_ended)
    return found[0]


async def alarms(port: Port) -> dict[trouble_pb2.TroubleKind.ValueType, str]:
    """What the status says is wrong, with the reason."""
    stub: Any = OperationsServiceStub(port.channel)
    status = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
    return {one.kind: one.details.get("reason", "") for one in status.troubles}


ABSURD: dict[str, Answer] = {
    "a position of nothing": lambda _: pb.ReadListResponse(subjects=[listed(1)]),
    "pages that lead nowhere": lambda asked: pb.ReadListResponse(position=asked.position or "p", more=True),
    "a position without end": lambda _: pb.ReadListResponse(position="p" * 5000),
    "subjects under other keys": lambda _: pb.ReadListResponse(position="p", subjects=[listed(1, "S-2")]),
}


@pytest.mark.parametrize("name", ABSURD)
async def test_nonsense_ends_the_run_and_what_to_do_is_said(tmp_path: Path, name: str) -> None:
    centre = OddCentre()
    centre.answer = ABSURD[name]
    async with port_of(tmp_path, centre) as port:
        run = await ended(port, lambda run: run.outcome is SyncOutcome.FAILED)
        assert run.reason == Code.SOURCE_UNREADABLE, run
        assert port.orders() == {}
        if name != "subjects under other keys":
            assert "ask those who run it" in run.detail

        async def is_told() -> bool:
            return (await alarms(port)).get(trouble_pb2.TROUBLE_KIND_SOURCE_FAILING) == Code.SOURCE_UNREADABLE

        await becomes(is_told)


async def test_a_server_without_a_list_is_told_from_a_centre_that_is_away(tmp_path: Path) -> None:
    async with port_of(tmp_path, None) as port:
        run = await ended(port, lambda run: run.outcome is SyncOutcome.FAILED)
        assert run.reason == Code.SOURCE_UNREADABLE, run


async def test_half_a_list_ends_nobody_and_the_rest_comes_when_the_centre_is_back(tmp_path: Path) -> None:
    centre = OddCentre()

    def first(_: pb.ReadListRequest) -> pb.ReadListResponse:
        centre.answer = None  # in the middle of the list
        return pb.ReadListResponse(position="half", subjects=[listed(1)], more=True)

    def rest(asked: pb.ReadListRequest) -> pb.ReadListResponse:
        return pb.ReadListResponse(position="end", subjects=[listed(2)] if asked.position == "half" else [])

    centre.answer = first
    async with port_of(tmp_path, centre) as port:
        run = await ended(port, lambda run: run.outcome is SyncOutcome.FAILED)
        assert run.reason == Code.SOURCE_UNAVAILABLE, run
        assert port.orders() == {"O-1": True}
        centre.answer = rest
        await ended(port, lambda run: run.outcome is SyncOutcome.DONE)
        assert port.orders() == {"O-1": True, "O-2": True}
