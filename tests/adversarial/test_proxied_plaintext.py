"""Attack: a proxy on the server's machine lets the network speak plaintext with it, as if everybody were local."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.server.auth.admission import refuse_proxied
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.v1 import operations_service_pb2, watchlist_service_pb2
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub
from tests.support.scenarios.server import reason_of, running, settings
from tests.support.scenarios.site_pki import Site

FORWARDED = (("x-forwarded-for", "10.0.0.66"),)
HEADERS = (
    "x-forwarded-for",
    "x-forwarded-proto",
    "forwarded",
    "via",
    "x-real-ip",
    "x-envoy-external-address",
    "x-envoy-expected-rq-timeout-ms",
    "x-original-forwarded-for",
    "true-client-ip",
    "cf-connecting-ip",
)


class Proxy(grpc.GenericRpcHandler):
    """A proxy that passes every call on in plaintext, and says for whom, as the common ones do."""

    def __init__(self, server: grpc.aio.Channel, headers: tuple[tuple[str, str], ...]) -> None:
        self._server = server
        self._headers = headers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        method = str(handler_call_details.method)

        async def passed(request: bytes, context: Any) -> AsyncIterator[bytes]:
            # Sent in one piece: where a stream is refused while it is being written, gRPC's client forgets the refusal.
            ask: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = self._server.unary_stream(method)
            call = ask(request, metadata=self._headers)
            try:
                async for answer in call:
                    yield answer
            except grpc.aio.AioRpcError as error:
                context.set_trailing_metadata(tuple(error.trailing_metadata() or ()))
                await context.abort(error.code(), error.details() or "")

        return grpc.unary_stream_rpc_method_handler(passed)


async def through(address: str, headers: tuple[tuple[str, str], ...]) -> str:
    """Ask for the watchlist through a proxy; return the refusal, or an empty text when it was given."""
    async with grpc.aio.insecure_channel(address) as behind:
        proxy = grpc.aio.server()
        proxy.add_generic_rpc_handlers((Proxy(behind, headers),))
        port = proxy.add_insecure_port("127.0.0.1:0")
        await proxy.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub: Any = WatchlistServiceStub(channel)
                await stub.ListSubjects(watchlist_service_pb2.ListSubjectsRequest(), timeout=30)
        except grpc.aio.AioRpcError as error:
            return reason_of(error)
        finally:
            await proxy.stop(None)
        return ""


async def test_what_comes_through_a_proxy_is_not_trusted_as_local(tmp_path: Path) -> None:
    async with running(settings(tmp_path)) as server:
        assert await through(server.address, FORWARDED) == "PROXY_NOT_ALLOWED"
        assert await through(server.address, ()) == "", "a proxy that says nothing is not seen: the documents say so"


@pytest.mark.slow
async def test_no_method_takes_it_streams_and_health_included(tmp_path: Path) -> None:
    async with running(settings(tmp_path)) as server:
        stub: Any = OperationsServiceStub(server.channel)
        for name in HEADERS:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.GetStatus(operations_service_pb2.GetStatusRequest(), metadata=((name, "x"),))
            assert reason_of(refused.value) == "PROXY_NOT_ALLOWED", name
        watchlist: Any = WatchlistServiceStub(server.channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await watchlist.ImportWatchlist(metadata=FORWARDED).read()
        assert reason_of(refused.value) == "PROXY_NOT_ALLOWED"
        health: Any = health_pb2_grpc.HealthStub(server.channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await health.Check(health_pb2.HealthCheckRequest(), metadata=FORWARDED)


async def test_with_certificates_such_names_mean_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with running(site.settings(), site.diagnostics()) as server:
        stub: Any = OperationsServiceStub(server.channel)
        await stub.GetStatus(operations_service_pb2.GetStatusRequest(), metadata=FORWARDED)


@pytest.mark.parametrize("name", ["user-agent", "te", "authorization", "second-person", "grpc-timeout", "traceparent"])
def test_what_clients_themselves_send_is_no_sign_of_a_proxy(name: str) -> None:
    refuse_proxied([name])


@pytest.mark.parametrize("name", HEADERS)
def test_case_does_not_hide_a_proxy(name: str) -> None:
    with pytest.raises(CekalwatchError) as refused:
        refuse_proxied([name.upper()])
    assert refused.value.code is Code.PROXY_NOT_ALLOWED
