"""A call that is ended always ends with its reason and at once, whatever it does then, also when many are ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.server.audit.device_entries import device
from cekalwatch.server.auth.certificate import LoopbackAuthentication
from cekalwatch.server.auth.limits import MAX_OPEN
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.auth.sessions import Device
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import READER_STALL_S, AuthenticationInterceptor
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.scenarios.people import Office
from tests.support.scenarios.port_office import port_office
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.site_pki import SITE

MANY = 40
WAIT_S = 30.0
AT_ONCE_S = 10.0
"""Within which a call ends beside other tests; alone it is half a second."""
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0),)
MORE_THAN_FITS = 200_000
"""Bytes of a message that gRPC does not take from the server before a client with that window reads."""


class Certificates(LoopbackAuthentication):
    """Admits everybody as this machine or as one PC, until all are revoked."""

    def __init__(self, pc: Identity | None) -> None:
        self._pc = pc
        self.gone = False

    def admit(self, method: str, certificate_pem: bytes) -> Caller:
        if self.gone:
            raise CekalwatchError(Code.CERTIFICATE_REVOKED)
        local = super().admit(method, certificate_pem)
        return replace(local, identity=self._pc, device=Device(device(self._pc), site=SITE)) if self._pc else local


@dataclass
class Streams:
    """A server with the real interceptor, whose method says nothing, or more than a client takes that does not read."""

    certificates: Certificates
    loud: bool
    listen: Callable[[bytes], Any] = field(init=False)
    begun: int = 0
    running: int = 0

    async def answer(self, _: bytes, __: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[bytes]:
        self.begun += 1
        self.running += 1
        try:
            while True:
                if self.loud:
                    yield bytes(MORE_THAN_FITS)
                else:
                    await asyncio.sleep(WAIT_S)
        finally:
            self.running -= 1

    @asynccontextmanager
    async def served(self, folder: Path, reader_stall_s: float = READER_STALL_S) -> AsyncIterator[Streams]:
        database = Database(f"sqlite:///{folder / 'test.sqlite3'}")
        database.upgrade()
        interceptor = AuthenticationInterceptor(self.certificates, Office(database).attendance, reader_stall_s)
        server = grpc.aio.server(interceptors=[interceptor])
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(self.answer)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Streams", {"Listen": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        loops = [asyncio.create_task(loop) for loop in interceptor.open_calls.loops()]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", SMALL_WINDOW) as channel:
            listen: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/test.Streams/Listen")
            self.listen = listen
            yield self
        for loop in loops:
            loop.cancel()
        await server.stop(None)
        interceptor.open_calls.close()
        database.close()

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(AT_ONCE_S):
            while not reached():  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.01)


async def how_it_ends(call: Any) -> str:
    """Return the reason with which a call ends; empty for one that does not end."""
    try:
        async with asyncio.timeout(AT_ONCE_S):
            while await call.read() is not grpc.aio.EOF:
                pass
    except TimeoutError:
        return ""
    except grpc.aio.AioRpcError as error:
        return reason_of(error)
    raise AssertionError("the call ended well")


async def how_they_end(calls: list[Any]) -> Counter[str]:
    return Counter(await asyncio.gather(*map(how_it_ends, calls)))


@pytest.mark.parametrize(
    "loud", [False, True], ids=["before its first write", "in its first write, which nobody reads"]
)
async def test_revoked_streams_end_with_the_reason(tmp_path: Path, loud: bool) -> None:
    async with Streams(Certificates(None), loud).served(tmp_path) as streams:
        calls = [streams.listen(b"") for _ in range(MANY)]
        await streams.until(lambda: streams.running == MANY)
        await asyncio.sleep(0.2)  # their writes are under way
        streams.certificates.gone = True
        await streams.until(lambda: streams.running == 0)
        assert await how_they_end(calls) == {Code.CERTIFICATE_REVOKED: MANY}


async def test_streams_whose_refusal_waits_end_with_a_reason_too(tmp_path: Path) -> None:
    pc = Identity(DeviceRole.NOTIFIER, SITE, "pc-1")
    async with Streams(Certificates(pc), loud=False).served(tmp_path) as streams:
        calls = [streams.listen(b"") for _ in range(MAX_OPEN[DeviceRole.NOTIFIER] + 5)]
        await streams.until(lambda: streams.running == MAX_OPEN[DeviceRole.NOTIFIER])
        streams.certificates.gone = True
        assert await how_they_end(calls) == {Code.CERTIFICATE_REVOKED: len(calls)}


async def test_a_client_that_reads_nothing_at_all_learns_why_its_stream_ended(tmp_path: Path) -> None:
    async with Streams(Certificates(None), loud=True).served(tmp_path, reader_stall_s=0.2) as streams:
        calls = [streams.listen(b"") for _ in range(MANY)]
        await streams.until(lambda: streams.begun == MANY and streams.running == 0)
        assert await how_they_end(calls) == {Code.READER_STALLED: MANY}


@pytest.mark.slow
async def test_of_many_streams_of_a_pc_at_once_one_remains_and_the_others_end_with_a_reason(tmp_path: Path) -> None:
    async with port_office(tmp_path, {"budi": ()}).open() as office:
        pc = await office.pc("pc-1")
        endings = [asyncio.create_task(how_it_ends(pc.subscribe())) for _ in range(MANY)]
        first = {await one for one in islice(asyncio.as_completed(endings), MANY - 1)}
        assert first <= {Code.STREAM_ELSEWHERE, Code.CALLS_TOO_MANY, Code.RATE_EXCEEDED}
        assert [one.cancel() for one in endings if not one.done()] == [True]
