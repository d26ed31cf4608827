"""A line carries, and each of its states does what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from benchmarks.chaos.machines.line import Line, LineRoom, LineState, line_room, to_address

WAIT_S = 20.0
STILL_S = 0.3
"""For which nothing comes where nothing must."""


@dataclass
class Echo:
    """A server that answers what it is told, and counts its connections."""

    connections: int = 0
    heard: list[bytes] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while piece := await reader.read(1024):
                self.heard.append(piece)
                self.changed.set()
                writer.write(piece.upper())
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def until_heard(self, times: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.heard) < times:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def echo_line() -> AsyncIterator[tuple[Echo, Line]]:
    echo = Echo()
    server = await asyncio.start_server(echo.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with line_room() as room:
        yield echo, await asyncio.to_thread(_open, room, port)
    server.close()


def _open(room: LineRoom, port: int) -> Line:
    return room.open("client to server", to_address(f"127.0.0.1:{port}"))


async def connect(line: Line) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", line.port)


async def said(writer: asyncio.StreamWriter, text: bytes) -> None:
    writer.write(text)
    await writer.drain()


async def answered(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(WAIT_S):
        return await reader.read(1024)


async def test_an_open_line_carries_both_ways() -> None:
    async with echo_line() as (_, line):
        reader, writer = await connect(line)
        await said(writer, b"hello")
        assert await answered(reader) == b"HELLO"
        writer.close()


async def test_a_cut_line_resets_what_there_is_and_what_comes_until_it_is_mended() -> None:
    async with echo_line() as (echo, line):
        reader, writer = await connect(line)
        await said(writer, b"hello")
        await answered(reader)
        line.be(LineState.CUT)
        with pytest.raises(ConnectionResetError):
            await answered(reader)
        with pytest.raises(ConnectionError):
            late_reader, _ = await connect(line)
            if not await answered(late_reader):
                raise ConnectionResetError
        line.be(LineState.OPEN)
        reader, writer = await connect(line)
        await said(writer, b"again")
        assert await answered(reader) == b"AGAIN"
        assert echo.connections == 2
        writer.close()


async def test_a_silent_line_brings_nothing_and_then_all_of_it_in_order() -> None:
    async with echo_line() as (echo, line):
        reader, writer = await connect(line)
        await said(writer, b"one")
        await answered(reader)
        line.be(LineState.SILENT)
        await said(writer, b"two")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(STILL_S):
                await reader.read(1024)
        assert echo.heard == [b"one"]
        line.be(LineState.OPEN)
        assert await answered(reader) == b"TWO"
        writer.close()


async def test_a_one_way_line_lets_the_server_hear_and_nobody_be_answered() -> None:
    async with echo_line() as (echo, line):
        reader, writer = await connect(line)
        await said(writer, b"one")
        await answered(reader)
        line.be(LineState.ONE_WAY)
        await said(writer, b"two")
        await echo.until_heard(2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(STILL_S):
                await reader.read(1024)
        line.be(LineState.OPEN)
        assert await answered(reader) == b"TWO"
        writer.close()


async def test_a_doubled_line_says_everything_twice_and_answers_once() -> None:
    async with echo_line() as (echo, line):
        line.be(LineState.DOUBLED)
        reader, writer = await connect(line)
        await said(writer, b"pay")
        await echo.until_heard(2)
        assert echo.heard == [b"pay", b"pay"]
        assert echo.connections == 2
        assert await answered(reader) == b"PAY"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(STILL_S):
                await reader.read(1024)
        writer.close()


async def test_a_slow_line_brings_all_later() -> None:
    async with echo_line() as (_, line):
        line.be(LineState.SLOW)
        reader, writer = await connect(line)
        begun = asyncio.get_running_loop().time()
        await said(writer, b"hello")
        assert await answered(reader) == b"HELLO"
        assert asyncio.get_running_loop().time() - begun > 0.3, "there and back"
        writer.close()


async def test_a_line_to_nobody_is_closed() -> None:
    async with echo_line() as (_, line):
        with line_room() as room:
            dead = await asyncio.to_thread(_open, room, line.port)
            line.be(LineState.CUT)
            with pytest.raises(ConnectionError):
                reader, _ = await connect(dead)
                if not await answered(reader):
                    raise ConnectionResetError
