"""A line between two programs that a test cuts and mends: a TCP proxy on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CutLink:
    """The line; `cuttable` opens it."""

    def __init__(self, port: int) -> None:
        self.address = ""
        self._port = port
        self._whole = True
        self._carrying: set[asyncio.Task[None]] = set()

    def lead_to(self, port: int) -> None:
        """Let new connections go to another port of this machine."""
        self._port = port

    def cut(self) -> None:
        """Break all connections, and refuse new ones."""
        self._whole = False
        for task in self._carrying:
            task.cancel()

    def mend(self) -> None:
        """Let connections through again."""
        self._whole = True

    async def carry(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it, or the line is cut."""
        if not self._whole:
            to_client.transport.abort()
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            to_client.transport.abort()
            return
        ways = [
            asyncio.create_task(_carry(from_client, to_server)),
            asyncio.create_task(_carry(from_server, to_client)),
        ]
        self._carrying.update(ways)
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._carrying.difference_update(ways)
            to_client.transport.abort()
            to_server.transport.abort()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(65_536):
        target.write(piece)
        await target.drain()


@asynccontextmanager
async def cuttable(port: int) -> AsyncIterator[CutLink]:
    """Open a line to a port of this machine."""
    link = CutLink(port)
    server = await asyncio.start_server(link.carry, "127.0.0.1", 0)
    link.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield link
    finally:
        server.close()
        link.cut()
