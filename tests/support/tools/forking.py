"""Forks our programs from a process that has loaded their modules, as `forked_process.py` asks for it.

It runs as a script, in the interpreter of any version of the programs, and knows nothing of the tests: any number of
processes ask at one place, and it ends when the last of them has. It says on its standard error when it begins and why
it ends; only SIGKILL leaves it no time for that. What it has forked ends with it.
"""

from __future__ import annotations

import atexit
import ctypes
import faulthandler
import fcntl
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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import FrameType
from typing import NoReturn

PACKAGES = ("cekalwatch.camera.cli", "cekalwatch.notifier.cli", "cekalwatch.server.cli")
LOADED = ("alembic.command", "cekalwatch.server.app", "insightface")
"""What commands load beside their own modules."""
MAX_REQUEST_BYTES = 200_000
FILES = 4
"""Standard input, output and error of the program, and where its number and its exit code go."""
NUMBER = struct.Struct("q")
SIGNALS = (signal.SIGHUP, signal.SIGTERM)
"""Those that would end it without a word. Python tells of SIGINT by itself."""
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Request:
    """What a process is to become: `cekalwatch-PROGRAM` with these arguments, and these variables and no others.

    A name with a dot is a module of the tests, which has a function `main`. It works in `folder`; empty: in that of
    the tests.
    """

    program: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str = ""


def load(modules: Sequence[str]) -> None:
    """Load these modules, or those of the programs, whose command lines are put together."""
    for name in modules:
        import_module(name)
    if not modules:
        _load_programs()
    gc.collect()
    gc.freeze()


def _load_programs() -> None:
    import typer.main

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


def serve(place: str, listening: socket.socket) -> Request | None:
    """Fork a process for each request. Returns in each of these with its request, and here, when nobody asks, None.

    Who connects holds the lock of `place`, as this does when it ends.
    """
    ends: dict[int, int] = {}
    asking: set[socket.socket] = set()
    waking, woken = os.pipe()
    for end in (waking, woken):
        os.set_blocking(end, False)
    listening.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        selector.register(waking, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                requests = key.fileobj
                if requests is waking or not isinstance(requests, socket.socket):
                    os.read(waking, MAX_REQUEST_BYTES)
                    _tell_ends(ends)
                elif requests is listening:
                    _take_up(listening, selector, asking)
                elif not (asked := _asked(requests)):
                    selector.unregister(requests)
                    requests.close()
                    asking.discard(requests)
                    if not asking and _has_ended(place, listening, selector, asking):
                        return None
                elif _forks(asked[1], ends):
                    signal.set_wakeup_fd(-1)
                    for end in (waking, woken, listening.detach(), *(one.detach() for one in asking), *ends.values()):
                        os.close(end)
                    _take(asked[1])
                    return asked[0]


def _take_up(listening: socket.socket, selector: selectors.BaseSelector, asking: set[socket.socket]) -> None:
    with suppress(BlockingIOError):
        while True:
            requests = listening.accept()[0]
            selector.register(requests, selectors.EVENT_READ)
            asking.add(requests)


def _asked(requests: socket.socket) -> tuple[Request, list[int]] | None:
    message, files, *_ = socket.recv_fds(requests, MAX_REQUEST_BYTES, FILES)
    return (Request(**json.loads(message)), files) if message else None


def _forks(files: list[int], ends: dict[int, int]) -> bool:
    """Fork. Return in the new process whether it is that; in this one its files are closed, and its number is told."""
    if not (number := os.fork()):
        return True
    ends[number] = files.pop()
    with suppress(BrokenPipeError):  # who asked may have ended meanwhile, and others still ask
        os.write(ends[number], NUMBER.pack(number))
    for file in files:
        os.close(file)
    return False


def _has_ended(
    place: str, listening: socket.socket, selector: selectors.BaseSelector, asking: set[socket.socket]
) -> bool:
    """Close `place`, unless somebody has connected in the meantime."""
    with suppress(FileNotFoundError), open(f"{place}.lock", "w") as lock:  # noqa: PTH123  # unless the run has ended
        fcntl.flock(lock, fcntl.LOCK_EX)
        _take_up(listening, selector, asking)
        if not asking:
            os.unlink(place)  # noqa: PTH108
    return not asking


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
    """Make them the standard files of this process, which ends with the one that has forked it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    faulthandler.disable()
    for one in (signal.SIGCHLD, *SIGNALS):
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, signal.SIG_DFL)
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
    ours = "." not in request.program
    sys.argv = [f"cekalwatch-{request.program}" if ours else request.program, *request.arguments]
    if not ours:
        sys.path.insert(0, os.getcwd())  # noqa: PTH109  # as `python -m` does
    code = 0
    try:
        import_module(f"cekalwatch.{request.program}.__main__" if ours else request.program).main()
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


def _say(what: str) -> None:
    sys.stderr.write(f"Process {os.getpid()} {what}\n")


def _say_how_it_ends() -> None:
    """Name the signal or the fault that ends this process."""
    faulthandler.enable()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end_by)


def _end_by(number: int, _: FrameType | None) -> None:
    _say(f"ends by {signal.Signals(number).name}.")
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


if __name__ == "__main__":
    _say("begins.")
    _say_how_it_ends()
    load(sys.argv[3:])
    if wanted := serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2]))):
        become(wanted)
    _say("ends, for nobody asks it any more.")
