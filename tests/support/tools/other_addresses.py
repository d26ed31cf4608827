"""Other addresses of this machine's loopback network, from which a test connects as if from other machines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def relayed_from(source: str, port: int) -> AsyncIterator[str]:
    """Give the address of a relay, which connects to 127.0.0.1:`port` from the loopback address `source`."""
    work = set[asyncio.Task[None]]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        except OSError:
            writer.close()
            return
        for pair in ((reader, inner[1]), (inner[0], writer)):
            task = asyncio.create_task(_copy(*pair))
            work.add(task)
            task.add_done_callback(work.discard)

    relay = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{relay.sockets[0].getsockname()[1]}"
    finally:
        relay.close()
        for task in tuple(work):
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
