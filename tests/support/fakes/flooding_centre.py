"""A centre that sends its port whatever the protocol allows, as fast as it can, and reads nothing.

    python -m tests.support.fakes.flooding_centre TLS_FOLDER endless|short

It prints the port at which it listens, reads the key of an alert with a picture, floods who comes until its standard
input ends, and prints how much it has sent. Short streams end, so that the port opens others. It is a process of its
own, so that its costs are not the port's.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Any

import grpc
import uuid6

from cekalwatch.v1 import list_feed_service_pb2 as feed
from cekalwatch.v1 import port_pb2, watchlist_pb2
from cekalwatch.v1 import port_service_pb2 as pb
from cekalwatch.wire.options import SERVER_OPTIONS
from cekalwatch.wire.tls import FollowedTls, TlsFiles

LARGE = "x" * 200_000
ANSWERS, NEWS = 400, 100
"""Messages of a short stream."""


class FloodingCentre:
    """Its methods, which begin with the flood when `alert_id` is known."""

    def __init__(self, *, short: bool) -> None:
        self._most = (ANSWERS, NEWS) if short else (sys.maxsize, sys.maxsize)
        self._alert_id = ""
        self._begins = asyncio.Event()
        self.sent: Counter[str] = Counter()

    def begin(self, alert_id: str) -> None:
        self._alert_id = alert_id
        self._begins.set()

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        follow = grpc.unary_stream_rpc_method_handler(
            self._follow, feed.FollowListRequest.FromString, feed.FollowListResponse.SerializeToString
        )
        read = grpc.unary_unary_rpc_method_handler(
            self._read, feed.ReadListRequest.FromString, feed.ReadListResponse.SerializeToString
        )
        reports = grpc.stream_stream_rpc_method_handler(
            self._reports, pb.ReportAlertsRequest.FromString, pb.ReportAlertsResponse.SerializeToString
        )
        handler, package = grpc.method_handlers_generic_handler, "cekalwatch.v1"
        return (
            handler(f"{package}.ListFeedService", {"FollowList": follow, "ReadList": read}),
            handler(f"{package}.PortService", {"ReportAlerts": reports}),
        )

    async def _follow(self, _: feed.FollowListRequest, __: Any) -> AsyncIterator[feed.FollowListResponse]:
        await self._begins.wait()
        for number in count():
            if number >= self._most[1]:
                return
            self.sent["news"] += 1
            source = watchlist_pb2.SourceFreshness(source=f"list {self.sent['news']}")
            source.last_success_time.FromSeconds(1_800_000_000 + number)
            yield feed.FollowListResponse(
                state=f"{number}{'' if number % 50 else LARGE}",
                freshness=watchlist_pb2.WatchlistFreshness(sources=[source]),
            )

    async def _read(self, _: feed.ReadListRequest, __: Any) -> feed.ReadListResponse:
        """Pages of nothing, without end."""
        self.sent["pages"] += 1
        return feed.ReadListResponse(position=f"p{self.sent['pages']}", more=True)

    async def _reports(self, _: Any, __: Any) -> AsyncIterator[pb.ReportAlertsResponse]:
        await self._begins.wait()
        start = port_pb2.ReportStart(window=1000)
        start.heartbeat_period.FromSeconds(1)
        yield pb.ReportAlertsResponse(start=start)
        for number, message in enumerate(self._answers()):
            if number >= self._most[0]:
                return
            self.sent["answers"] += 1
            yield message

    def _answers(self) -> Iterator[pb.ReportAlertsResponse]:
        asked = (
            (self._alert_id, "person:x"),
            (str(uuid6.uuid7()), "person:x"),
            ("", "person:x"),
            (self._alert_id, LARGE),
        )
        requests = [port_pb2.PictureRequest(alert_id=alert_id, asked_by=who) for alert_id, who in asked]
        return cycle(
            [
                pb.ReportAlertsResponse(receipt=port_pb2.ReportReceipt(sequence=0)),
                pb.ReportAlertsResponse(keep_alive=port_pb2.ReportKeepAlive()),
                pb.ReportAlertsResponse(),
                *(pb.ReportAlertsResponse(picture_request=one) for one in requests),
            ]
        )


async def serve(files: TlsFiles, *, short: bool) -> None:
    """Flood who comes, until standard input ends."""
    centre, server = FloodingCentre(short=short), grpc.aio.server(options=SERVER_OPTIONS)
    server.add_generic_rpc_handlers(centre.handlers())
    credentials = FollowedTls(files, list[str]().append).server_credentials()
    sys.stdout.write(f"{server.add_secure_port('127.0.0.1:0', credentials)}\n")
    sys.stdout.flush()
    await server.start()
    centre.begin((await asyncio.to_thread(sys.stdin.readline)).strip())
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)
    sys.stdout.write(json.dumps(centre.sent))


if __name__ == "__main__":
    asyncio.run(serve(TlsFiles(Path(sys.argv[1])), short=sys.argv[2] == "short"))
