"""The camera client as a process of its own, as it runs at a counter."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Self

from tests.support.tools.forked_process import ForkedProcess

CAMERA = ("-m", "cekalwatch.camera")
ENDS_WITHIN_S = 120


def camera_program(
    *arguments: str, home: Path, **environment: str
) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """Run the client; see `python_program`."""
    return python_program(*CAMERA, *arguments, home=home, **environment)


@asynccontextmanager
async def python_program(*arguments: str, home: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run Python with `home` as its folder and home, and no variables but these; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "TMPDIR": str(home), **environment},
        cwd=home,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    """Wait for its end; return exit code, standard output and standard error."""
    said, errors = await asyncio.wait_for(process.communicate(), ENDS_WITHIN_S)
    assert process.returncode is not None
    return process.returncode, said.decode(), errors.decode()


async def camera_command(*arguments: str, home: Path, **environment: str) -> tuple[int, str, str]:
    """Run it to its end; return exit code, standard output and standard error."""
    async with camera_program(*arguments, home=home, **environment) as process:
        return await ended(process)


class ForkedCamera:
    """What a process of `asyncio` is for the camera client, forked: see `forked_process.py`. Its output is dropped.

    Name the folders that it writes into: it has looked for those of its home before it was forked.
    """

    def __init__(self, process: ForkedProcess, errors: asyncio.StreamReader, pipe: asyncio.ReadTransport) -> None:
        self._process = process
        self.stderr = errors
        self._pipe = pipe

    @classmethod
    async def started(cls, *arguments: str, home: Path, **environment: str) -> Self:
        """Start it with `home` as its home, and no variables but these."""
        variables = {"HOME": str(home), "PATH": os.environ["PATH"], "TMPDIR": str(home), **environment}
        errors = asyncio.StreamReader()
        reading, writing = os.pipe()
        with (home / os.devnull).open("r+b") as nothing, os.fdopen(writing, "wb") as written:
            files = nothing.fileno(), nothing.fileno(), written.fileno()
            process = await asyncio.to_thread(
                ForkedProcess, "camera", arguments, variables, files, sys.executable, home
            )
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(errors), os.fdopen(reading, "rb")
        )
        return cls(process, errors, pipe)

    @property
    def returncode(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()

    async def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        return await asyncio.to_thread(self._process.wait)

    async def communicate(self) -> tuple[None, bytes]:
        """Wait for its end, and return what it wrote to standard error that was not read yet."""
        errors = await self.stderr.read()
        await self.wait()
        return None, errors

    async def close(self) -> None:
        """End it, if it runs."""
        self.kill()
        await self.wait()
        self._pipe.close()
