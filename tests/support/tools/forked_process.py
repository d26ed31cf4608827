"""A program of ours in a process of its own, forked from one that has loaded the modules: see `forking.py`.

To load them takes Python two to four seconds of processor time a program, and all processes of a run share it. What is
tested is the program; that Python starts it is for the tests of the packages.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO

import pytest

from tests.support.tools.forking import NUMBER, Request

SCRIPT = Path(__file__).with_name("forking.py")
PLACE_VARIABLE = "CEKALWATCH_TEST_FORKING"
"""Names the folder where they find it."""
ENDS_S = 2.0
"""What forks ends within this time when nobody asks it any more."""
ENDED = "What forks our programs has ended before its time."


class ForkedProcess:
    """What `subprocess.Popen` is, as far as it is used for our programs."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        files: tuple[int, int, int],
        python: str | Path,
        folder: str | Path = "",
        loads: tuple[str, ...] = (),
    ) -> None:
        """Start `cekalwatch-PROGRAM` in `folder`, or where this process is.

        `files` are its standard input, output and error, and stay open. A module of the tests is named with its dots.
        It is forked from a process that `loads` these modules in this environment, or, if none are named, from that of
        all programs.
        """
        self.args = [program, *arguments]
        self.stdout: IO[bytes] | None = None
        request = Request(program, list(arguments), dict(environment), str(folder or Path.cwd()))
        asked = python, loads, tuple(sorted(environment.items())) if loads else ()
        self._log = Path(f"{_place(*asked)}.log")
        """What the process that forks it says."""
        try:
            self._told, self.pid = _fork(_requests(*asked), request, files)
        except EOFError as error:
            sys.stderr.write(f"{error} It is started again. {self._said()}\n")
            _requests.cache_clear()
            self._told, self.pid = _fork(_requests(*asked), request, files)
        self._code: int | None = None
        self._lost = ""
        """Why nobody learns its code any more."""
        self._lock = Lock()
        """Of two that ask at once, only one reads."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs. Raises EOFError when what has forked it has ended before it."""
        with self._lock:
            if self._code is None and not self._lost and self._is_told(0.0):
                try:
                    self._code = _read(self._told)
                except EOFError as error:
                    self._lost = f"{error} {self._said()}"
                finally:
                    os.close(self._told)
            if self._lost:
                raise EOFError(self._lost)
            return self._code

    def _said(self) -> str:
        said = self._log.read_text("utf-8", "replace")
        return f"It was killed (SIGKILL), unless its log says how it ended: {said}"

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        if self.poll() is None:
            self._is_told(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def _is_told(self, wait_s: float | None) -> bool:
        waiting = select.poll()
        waiting.register(self._told, select.POLLIN)
        return bool(waiting.poll(None if wait_s is None else wait_s * 1000))

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended, and what forked it has not told yet
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@contextmanager
def forking_place() -> Iterator[None]:
    """Have a folder where the processes of a run find what forks, for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="cekalwatch-forking-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(PLACE_VARIABLE, folder)  # tests of these tools run some in this process, in a place of their own
        yield


def _fork(asking: socket.socket, request: Request, files: tuple[int, int, int]) -> tuple[int, int]:
    """Return where the end of the forked process will be told, and its number; raises EOFError when nothing forks."""
    told, telling = os.pipe()
    try:
        socket.send_fds(asking, [json.dumps(asdict(request)).encode()], [*files, telling])
    except ConnectionError:  # reset where it had not read an earlier request
        os.close(told)
        raise EOFError(ENDED) from None
    finally:
        os.close(telling)
    try:
        return told, _read(told)
    except EOFError:
        os.close(told)
        raise


def _read(told: int) -> int:
    if not (said := os.read(told, NUMBER.size)):
        raise EOFError(ENDED)
    (number,) = NUMBER.unpack(said)
    return int(number)


def _place(python: str | Path, loads: tuple[str, ...], environment: tuple[tuple[str, str], ...]) -> Path:
    name = hashlib.sha256(repr((str(python), loads, environment)).encode()).hexdigest()[:16]
    return Path(os.environ[PLACE_VARIABLE], name)


@cache
def _requests(python: str | Path, loads: tuple[str, ...], environment: tuple[tuple[str, str], ...]) -> socket.socket:
    """Start what forks programs of that interpreter, unless it runs already, and return where it is asked."""
    place = _place(python, loads, environment)
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with Path(f"{place}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            asking.connect(str(place))
        except (FileNotFoundError, ConnectionRefusedError):
            place.unlink(missing_ok=True)
            _start(python, place, loads, dict(environment))
            asking.connect(str(place))
    atexit.register(asking.close)
    return asking


def _start(python: str | Path, place: Path, loads: tuple[str, ...], more: Mapping[str, str]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening, Path(f"{place}.log").open("ab") as log:
        listening.bind(str(place))
        listening.listen()
        # Without -P the folder of the script would be searched for modules.
        command = [python, "-P", SCRIPT, str(place), str(listening.fileno()), *loads]
        # What modules look for as they are loaded, below a home, is looked for below one of the run's own.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stderr=log,
            pass_fds=[listening.fileno()],
            env={**environment, "HOME": str(place.with_name("home")), **more},
        )
    atexit.register(_leave, running)  # after this process has ended to ask


def _leave(running: subprocess.Popen[bytes]) -> None:
    """Wait for its end, unless other processes still ask it: they may go on for the rest of the run."""
    with suppress(subprocess.TimeoutExpired):
        running.wait(ENDS_S)
