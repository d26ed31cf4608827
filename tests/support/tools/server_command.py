"""Commands of the server, run as a person runs them: as processes of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """How a run of a command ended."""

    exit_code: int
    output: str
    errors: str


async def command(*arguments: str, data: Path, **environment: str) -> Outcome:
    """Run a command of the server as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cekalwatch.server", *arguments, "--data-dir", str(data)),
        env=os.environ | {"COLUMNS": "200"} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, output.decode(), errors.decode())
