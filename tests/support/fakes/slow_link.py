"""A link with a limited rate between a client and a server: a TCP proxy on this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PIECE_BYTES = 1_600
"""About a packet: what is on the link cannot be overtaken."""


class SlowLink:
    """The link; `slowed` opens it."""

    def __init__(self, server_port: int, bytes_per_s: float) -> None:
        """`bytes_per_s`: towards the server. What comes back is a trickle, and is not slowed."""
        self.address = ""
        self.carried_bytes = 0
        self._server_port = server_port
        self._bytes_per_s = bytes_per_s
        self._free_at_s = 0.0

    async def carry(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        ways = [
            asyncio.create_task(self._slowly(from_client, to_server)),
            asyncio.create_task(_at_once(from_server, to_client)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_client.close()
            to_server.close()

    async def _slowly(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while piece := await source.read(PIECE_BYTES):
            # The link is one, whatever the number of connections.
            self._free_at_s = max(self._free_at_s, loop.time()) + len(piece) / self._bytes_per_s
            await asyncio.sleep(self._free_at_s - loop.time())
            target.write(piece)
            await target.drain()
            self.carried_bytes += len(piece)


async def _at_once(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(65_536):
        target.write(piece)
        await target.drain()


@asynccontextmanager
async def slowed(server_port: int, bytes_per_s: float) -> AsyncIterator[SlowLink]:
    """Open a slow link to the server on that port of this machine."""
    link = SlowLink(server_port, bytes_per_s)
    server = await asyncio.start_server(link.carry, "127.0.0.1", 0, limit=PIECE_BYTES)
    link.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield link
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await server.wait_closed()
