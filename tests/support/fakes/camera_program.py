"""The camera client as a process of its own, as it runs at a counter."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.tools.forked_async import NOTHING, ForkedAsync

ENDS_WITHIN_S = 120
_FOLDERS = {
    "SPOOL_DIR": ".local/state/cekalwatch-camera/spool",
    "SPOOL_KEY": ".config/cekalwatch-camera/spool.key",
    "PTZ_DIR": ".local/state/cekalwatch-camera/ptz",
}
"""Below its home; it has looked for its own before it was forked."""


def _variables(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"], "TMPDIR": str(home)}


def _folders(home: Path) -> dict[str, str]:
    return {f"CEKALWATCH_CAMERA_{name}": str(home / place) for name, place in _FOLDERS.items()}


@asynccontextmanager
async def camera_program(*arguments: str, home: Path, **environment: str) -> AsyncIterator[ForkedAsync]:
    """Run the client, forked, in `home`, which is its home too, with no variables but these; it ends with the block."""
    variables = _variables(home) | _folders(home) | environment
    process = await ForkedAsync.started("camera", *arguments, environment=variables, folder=home)
    try:
        yield process
    finally:
        await process.close()


@asynccontextmanager
async def python_program(*arguments: str, home: Path, **environment: str) -> AsyncIterator[Process]:
    """Run Python in the same way, and all that it loads."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env=_variables(home) | environment,
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


async def ended(process: Process | ForkedAsync) -> tuple[int, str, str]:
    """Wait for its end; return exit code, standard output and standard error."""
    said, errors = await asyncio.wait_for(process.communicate(), ENDS_WITHIN_S)
    assert process.returncode is not None
    return process.returncode, said.decode(), errors.decode()


async def camera_command(*arguments: str, home: Path, **environment: str) -> tuple[int, str, str]:
    """Run it to its end; return exit code, standard output and standard error."""
    async with camera_program(*arguments, home=home, **environment) as process:
        return await ended(process)


async def started_camera(*arguments: str, home: Path, **environment: str) -> ForkedAsync:
    """Start it without a bound of its time; its standard output is dropped. Name the folders that it writes into."""
    variables = _variables(home) | environment
    return await ForkedAsync.started("camera", *arguments, environment=variables, folder=home, stdout=NOTHING)
