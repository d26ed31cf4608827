"""Forks our programs from a process that has loaded their modules, as `forked_process.py` asks for it.

It runs as a script, in the interpreter of any version of the programs, and knows nothing of the tests.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import selectors
import signal
import socket
import struct
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import NoReturn

import typer.main

PACKAGES = ("cekalwatch.camera.cli", "cekalwatch.notifier.cli", "cekalwatch.server.cli")
LOADED = ("alembic.command", "cekalwatch.server.app", "insightface")
"""What commands load beside their own modules."""
MAX_REQUEST_BYTES = 200_000
FILES = 4
"""Standard input, output and error of the program, and where its number and its exit code go."""
NUMBER = struct.Struct("q")


@dataclass(frozen=True)
class Request:
    """What a process is to become: `cekalwatch-PROGRAM` with these arguments, and these variables and no others.

    It works in `folder`; empty: in that of the tests.
    """

    program: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str = ""


def load() -> None:
    """Load the modules of the programs, and put their command lines together."""
    for package in PACKAGES:
        path = import_module(package).__path__
        for module in walk_packages(path, f"{package}."):
            import_module(module.name)
    for name in LOADED:
        import_module(name)
    # A program puts its whole command line together at each start, for a fifth of the time that a short command takes.
    typer.main.get_command = cache(typer.main.get_command)
    for package in PACKAGES:
        typer.main.get_command(import_module(f"{package}.app").app)
    gc.collect()
    gc.freeze()


def serve(requests: socket.socket) -> Request | None:
    """Fork a process for each request. Returns in each of these with its request, and here, when nobody asks, None."""
    ends: dict[int, int] = {}
    waking, woken = os.pipe()
    for end in (waking, woken):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        selector.register(waking, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not requests:
                    os.read(waking, MAX_REQUEST_BYTES)
                    _tell_ends(ends)
                    continue
                message, files, *_ = socket.recv_fds(requests, MAX_REQUEST_BYTES, FILES)
                if not message:
                    return None
                if not (number := os.fork()):
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for end in (waking, woken, requests.detach(), *ends.values()):
                        os.close(end)
                    _take(files)
                    return Request(**json.loads(message))
                ends[number] = files.pop()
                os.write(ends[number], NUMBER.pack(number))
                for file in files:
                    os.close(file)


def _tell_ends(ends: dict[int, int]) -> None:
    """Write the exit code of each process that has ended, in the form of `subprocess`."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            number, status = found
            end = ends.pop(number)
            with suppress(BrokenPipeError):
                os.write(end, NUMBER.pack(os.waitstatus_to_exitcode(status)))
            os.close(end)


def _take(files: list[int]) -> None:
    """Make them the standard files of this process."""
    *standard, end = files
    os.close(end)
    for number, file in enumerate(standard):
        os.dup2(file, number)
        os.close(file)
    os.setsid()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # the process's own, until it ends
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def become(request: Request) -> NoReturn:
    """Run the program in this process, and end it without what takes Python longest: to give all memory back."""
    os.environ.clear()
    os.environ.update(request.environment)
    if request.folder:
        os.chdir(request.folder)
    tempfile.tempdir = None  # it may have been asked for already
    sys.argv = [f"cekalwatch-{request.program}", *request.arguments]
    code = 0
    try:
        import_module(f"cekalwatch.{request.program}.__main__").main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as Python ends a program
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    load()
    if asked := serve(socket.socket(fileno=int(sys.argv[1]))):
        become(asked)
