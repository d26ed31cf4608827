"""A line between two machines that can be cut and mended: a TCP proxy on this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

OPEN_S = CLOSE_S = 5.0


class CutLine:
    """The line; `line_to` and `line_on_a_thread` open it."""

    def __init__(self, server_port: int) -> None:
        self.address = ""
        self.server_port = server_port
        self._whole = True
        self._open: set[asyncio.StreamWriter] = set()

    def lead_to(self, port: int) -> None:
        """Let new connections go to another port of this machine."""
        self.server_port = port

    def cut(self) -> None:
        """Break all connections, and let none be made."""
        self._whole = False
        for one in self._open:
            one.transport.abort()

    def mend(self) -> None:
        """Let connections be made again."""
        self._whole = True

    async def carry(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it, or the line is cut."""
        if not self._whole:
            to_client.transport.abort()
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            to_client.transport.abort()
            return
        self._open |= {to_client, to_server}
        ways = [
            asyncio.create_task(_pass_on(from_client, to_server)),
            asyncio.create_task(_pass_on(from_server, to_client)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open -= {to_client, to_server}
            to_client.close()
            to_server.close()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(65_536):
        target.write(piece)
        await target.drain()


@asynccontextmanager
async def line_to(server_port: int) -> AsyncIterator[CutLine]:
    """Open a line to the server on that port of this machine."""
    line = CutLine(server_port)
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    line.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        line.cut()
        server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await server.wait_closed()


class ThreadedLine:
    """A line on an event loop of its own; any thread may use it. `line_on_a_thread` opens it."""

    def __init__(self, line: CutLine, loop: asyncio.AbstractEventLoop) -> None:
        self.address = line.address
        self._line = line
        self._loop = loop

    def cut(self) -> None:
        """Break all connections, and let none be made."""
        self._loop.call_soon_threadsafe(self._line.cut)

    def mend(self) -> None:
        """Let connections be made again."""
        self._loop.call_soon_threadsafe(self._line.mend)


@contextmanager
def line_on_a_thread(server_port: int) -> Iterator[ThreadedLine]:
    """Open a line to the server on that port of this machine, for a program that has no event loop."""
    opened = Future[tuple[ThreadedLine, Callable[[], object]]]()

    async def serve() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        async with line_to(server_port) as line:
            opened.set_result((ThreadedLine(line, loop), lambda: loop.call_soon_threadsafe(ended.set)))
            await ended.wait()

    with ThreadPoolExecutor(1, "line") as thread:
        serving = thread.submit(lambda: asyncio.run(serve()))
        line, end = opened.result(OPEN_S)
        try:
            yield line
        finally:
            end()
            serving.result()
