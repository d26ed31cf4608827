"""The camera client as a process of its own, as it runs at a counter."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

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
