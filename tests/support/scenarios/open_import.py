"""An import that stays open, and is told why it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from cekalwatch.v1 import watchlist_pb2, watchlist_service_pb2
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import Desk


def record(key: str) -> watchlist_service_pb2.ImportWatchlistRequest:
    message = watchlist_service_pb2.ImportWatchlistRequest()
    message.record.subject.subject_id = f"S-{key}"
    message.record.subject.name = "Contoh Satu"
    order = message.record.order
    order.order_id, order.subject_id = f"O-{key}", f"S-{key}"
    order.kind, order.requesting_agency = watchlist_pb2.ORDER_KIND_CEGAH, "Kejaksaan Agung"
    order.valid_from = order.received_on = "2026-01-01"
    order.valid_until = "2026-06-30"
    return message


class OpenImport:
    """An import that goes on for as long as the server lets it."""

    def __init__(self, desk: Desk, token: str, name: str = "one") -> None:
        stub: Any = WatchlistServiceStub(desk.channel)
        self.call = stub.ImportWatchlist(metadata=bearer(token))
        self.name = name
        self.sent = 0

    async def send(self) -> None:
        """Send a record, and read its report."""
        self.sent += 1
        key = f"{self.name}-{self.sent}"
        await self.call.write(record(key))
        assert (await self.call.read()).report.order_id == f"O-{key}"

    async def until_it_ends(self) -> str:
        """Go on until the server ends it; return why."""
        try:
            while True:
                await self.send()
        except grpc.aio.AioRpcError as error:
            return reason_of(error)
        except asyncio.InvalidStateError:  # it ended before the record was written
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await self.call.read()
            return reason_of(ended.value)
