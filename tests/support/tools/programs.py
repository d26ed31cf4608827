"""Commands of the three programs, each in a process of its own: with its own arguments, input, output and exit code.

The processes are forked: see `forked_process.py`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from cekalwatch.server.storage.database import Database
from tests.support.tools.forked_process import ForkedProcess

WAIT_S = 240.0


def run_program(
    program: str,
    *arguments: str | Path,
    typed: str = "",
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """Run `cekalwatch-PROGRAM` to its end, with what is `typed` at its standard input.

    It has the variables of `environment`, or those of this process. Raises TimeoutError when it does not end.
    """
    variables = os.environ if environment is None else environment
    words = list(map(str, arguments))
    with tempfile.TemporaryDirectory() as folder:
        given, output, errors = (Path(folder, name) for name in ("given", "output", "errors"))
        given.write_text(typed)
        with given.open("rb") as read, output.open("wb") as written, errors.open("wb") as complained:
            files = read.fileno(), written.fileno(), complained.fileno()
            process = ForkedProcess(program, words, variables, files, python)
        try:
            exit_code = process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise TimeoutError(f"{program} {' '.join(words)} has not ended") from None
        sys.stderr.write(errors.read_text())  # for the search of logs
        return subprocess.CompletedProcess([program, *words], exit_code, output.read_text(), errors.read_text())


def empty_site(data: Path) -> Path:
    """Make an empty database below `data`, as a server that was started once leaves it, and return the folder."""
    with closing(Database(f"sqlite:///{data / 'cekalwatch.sqlite3'}")) as database:
        database.upgrade()
    return data


async def server_command(*arguments: str | Path, data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the server on the data below `data`, with these variables beside those of this process."""
    variables = os.environ | {"COLUMNS": "200"} | environment
    return await asyncio.to_thread(run_program, "server", *arguments, "--data-dir", data, environment=variables)
