"""Forked programs for tests that wait in asyncio: see `forked_process.py`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from asyncio import StreamReader
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Self

from tests.support.tools.forked_process import ForkedProcess

PIPE, NOTHING = subprocess.PIPE, subprocess.DEVNULL
_Output = int | BinaryIO


class ForkedAsync:
    """What a process of `asyncio` is, as far as it is used for our programs."""

    def __init__(self, process: ForkedProcess) -> None:
        self._process = process
        self.pid = process.pid
        self.stdin: asyncio.WriteTransport | None = None
        self.stdout: StreamReader | None = None
        self.stderr: StreamReader | None = None
        self._pipes: list[asyncio.BaseTransport] = []

    @classmethod
    async def started(  # as that of asyncio
        cls,
        program: str,
        *arguments: str,
        environment: Mapping[str, str],
        folder: str | Path = "",
        stdin: int = NOTHING,
        stdout: _Output = PIPE,
        stderr: _Output = PIPE,
    ) -> Self:
        """Start `cekalwatch-PROGRAM`, or a module of the tests, in `folder`, with these variables and no others.

        What is PIPE is read or written here, what is NOTHING is dropped, and anything else is a file.
        """
        given, giving = os.pipe() if stdin == PIPE else (os.open(os.devnull, os.O_RDONLY), None)
        (read, written), (heard, complained) = (_output(file) for file in (stdout, stderr))
        files = given, written, complained
        try:
            process = await asyncio.to_thread(
                ForkedProcess, program, arguments, environment, files, sys.executable, folder
            )
        finally:
            for file in files:
                os.close(file)
        found = cls(process)
        found.stdout, found.stderr = await found._reading(read), await found._reading(heard)
        if giving is not None:
            loop = asyncio.get_running_loop()
            found.stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(giving, "wb"))
            found._pipes.append(found.stdin)
        return found

    async def _reading(self, file: int | None) -> StreamReader | None:
        if file is None:
            return None
        reader = StreamReader()
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb")
        )
        self._pipes.append(pipe)
        return reader

    @property
    def returncode(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._process.kill()

    async def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        return await asyncio.to_thread(self._process.wait)

    async def communicate(self) -> tuple[bytes, bytes]:
        """Wait for its end, and return what it wrote that was not read yet."""
        if self.stdin:
            self.stdin.close()
        said = [await stream.read() if stream else b"" for stream in (self.stdout, self.stderr)]
        await self.wait()
        return said[0], said[1]

    async def close(self) -> None:
        """End it, if it runs."""
        try:
            self.kill()
            await self.wait()
        finally:
            for pipe in self._pipes:
                pipe.close()


def _output(file: _Output) -> tuple[int | None, int]:
    """Return where it is read here, if it is, and where it is written."""
    if file == PIPE:
        return os.pipe()
    if file == NOTHING:
        return None, os.open(os.devnull, os.O_WRONLY)
    return None, os.dup(file if isinstance(file, int) else file.fileno())
