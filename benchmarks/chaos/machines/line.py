"""The lines between the programs: TCP proxies of this machine that can be cut, silenced, slowed and doubled."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Reach = Callable[[], Awaitable[Ends]]
"""Opens a connection to what is at the line's far end."""

PIECE_BYTES = 65_536
SLOW_S = 0.15
"""For which a slow line holds each piece."""
SLOW_BYTES_PER_S = 40_000.0
RESET_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset, and nothing that waits."""


class LineState(StrEnum):
    """How a line is."""

    OPEN = "OPEN"
    CUT = "CUT"
    """Connections are reset, and new ones as soon as they come."""
    SILENT = "SILENT"
    """Connections stay, and nothing passes either way."""
    ONE_WAY = "ONE_WAY"
    """What the client says arrives; what it is answered does not."""
    SLOW = "SLOW"
    DOUBLED = "DOUBLED"
    """All that the client says in a new connection is said a second time, in one more connection."""


class Line:
    """One line; `LineRoom` opens it."""

    def __init__(self, name: str, reach: Reach, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.port = 0
        self._reach = reach
        self._loop = loop
        self._state = LineState.OPEN
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    def be(self, state: LineState) -> None:
        """Put the line into another state; from any thread."""
        self._loop.call_soon_threadsafe(self._be, state)

    def _be(self, state: LineState) -> None:
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()
        if state in (LineState.CUT, LineState.DOUBLED):
            for writer in tuple(self._writers):
                _reset(writer)

    async def carry(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        self._writers.add(to_client)
        opened = [to_client]
        try:
            if self._state is LineState.CUT:
                return
            from_server, to_server = await self._reach()
            opened.append(to_server)
            targets = [to_server]
            ways = [self._pass_on(from_server, [to_client], back=True)]
            if self._state is LineState.DOUBLED:
                answers, again = await self._reach()
                opened.append(again)
                targets.append(again)
                ways.append(self._drop(answers))
            ways.append(self._pass_on(from_client, targets, back=False))
            await self._until_one_ends(ways)
        except OSError:
            pass  # the far end is away: so is this one
        finally:
            self._writers.discard(to_client)
            for writer in opened:
                _reset(writer)

    async def _until_one_ends(self, ways: Sequence[Awaitable[bool]]) -> None:
        """Wait until a way ends that carries; the answers to a second connection end as they like."""
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            left = set(tasks)
            while left:
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                if any(task.result() for task in done):
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, source: asyncio.StreamReader, targets: list[asyncio.StreamWriter], *, back: bool) -> bool:
        with contextlib.suppress(OSError):
            while piece := await source.read(PIECE_BYTES):
                await self._until_passable(back=back)
                if self._state is LineState.SLOW:
                    await asyncio.sleep(SLOW_S + len(piece) / SLOW_BYTES_PER_S)
                for target in targets:
                    if not target.transport.is_closing():
                        target.write(piece)
                await targets[0].drain()
        return True

    async def _until_passable(self, *, back: bool) -> None:
        while self._state is LineState.SILENT or (back and self._state is LineState.ONE_WAY):
            await self._changed.wait()

    @staticmethod
    async def _drop(source: asyncio.StreamReader) -> bool:
        with contextlib.suppress(OSError):
            while await source.read(PIECE_BYTES):
                pass
        return False


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        own: socket.socket | None = writer.get_extra_info("socket")
        if own is not None and own.family in (socket.AF_INET, socket.AF_INET6):
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
    writer.transport.abort()


class LineRoom:
    """Where lines are patched; they live on a thread of their own. `line_room` opens it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._servers: list[asyncio.Server] = []
        self.lines: dict[str, Line] = {}

    def open(self, name: str, reach: Reach) -> Line:
        """Open a line; from any thread but the lines' own."""
        line = Line(name, reach, self._loop)
        asyncio.run_coroutine_threadsafe(self._listen(line), self._loop).result(10)
        self.lines[name] = line
        return line

    async def _listen(self, line: Line) -> None:
        server = await asyncio.start_server(line.carry, "127.0.0.1", 0, limit=PIECE_BYTES)
        line.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)

    async def close(self) -> None:
        """End all lines and what they carry; on the lines' thread."""
        for server in self._servers:
            server.close()
        for line in self.lines.values():
            line._be(LineState.CUT)  # noqa: SLF001  # the room's own
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def line_room() -> Iterator[LineRoom]:
    """Keep a room of lines until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="lines", daemon=True)
    thread.start()
    room = LineRoom(loop)
    try:
        yield room
    finally:
        asyncio.run_coroutine_threadsafe(room.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def to_address(address: str) -> Reach:
    """Reach HOST:PORT."""
    host, _, port = address.rpartition(":")
    return lambda: asyncio.open_connection(host, int(port))
