"""Commands of the three programs, each in a process of its own: with its own arguments, input, output and exit code.

The processes are forked from one that has loaded the programs' modules, which would take each of them a second and
more. What is tested is the command; that Python starts it is for the tests of the packages.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from importlib import import_module
from multiprocessing.context import ForkServerContext
from pathlib import Path
from pkgutil import walk_packages

from cekalwatch.server.storage.database import Database

WAIT_S = 240.0
PACKAGES = ("cekalwatch.camera.cli", "cekalwatch.notifier.cli", "cekalwatch.server.cli")
LOADED = ("alembic.command", "cekalwatch.server.app", "insightface")
"""What commands load beside their own modules."""


@cache
def forks() -> ForkServerContext:
    """Return what starts processes that have the modules of our programs."""
    context = multiprocessing.get_context("forkserver")
    commands = [one.name for name in PACKAGES for one in walk_packages(import_module(name).__path__, f"{name}.")]
    context.set_forkserver_preload(["__main__", *LOADED, *commands])
    return context


def run_program(
    program: str, *arguments: str | Path, typed: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `cekalwatch-PROGRAM` to its end, with what is `typed` at its standard input.

    It has the variables of `environment`, or those of this process. Raises TimeoutError when it does not end.
    """
    variables = dict(os.environ if environment is None else environment)
    with tempfile.TemporaryDirectory() as folder:
        given, output, errors = (Path(folder, name) for name in ("given", "output", "errors"))
        given.write_text(typed)
        words = list(map(str, arguments))
        process = forks().Process(target=_become, args=(program, words, variables, (given, output, errors)))
        process.start()
        process.join(WAIT_S)
        exit_code = process.exitcode
        if exit_code is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{program} {' '.join(words)} has not ended")
        process.close()
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


def _become(program: str, arguments: list[str], environment: dict[str, str], files: tuple[Path, Path, Path]) -> None:
    for number, file in enumerate(files):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # the process's own, until it ends
    run_main(program, arguments, environment)


def run_main(program: str, arguments: list[str], environment: Mapping[str, str]) -> None:
    """Become `cekalwatch-PROGRAM` in this process, with these variables and no others."""
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # it may have been asked for already
    sys.argv = [f"cekalwatch-{program}", *arguments]
    import_module(f"cekalwatch.{program}.__main__").main()
