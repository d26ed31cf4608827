"""Our programs in processes of their own, forked from one that has loaded their modules: see `programs.py`.

They are started, asked and ended as those of `subprocess` are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Lock
from typing import IO, Any

from tests.support.tools.programs import forks, run_main, run_program

PROGRAMS = {f"cekalwatch.{name}": name for name in ("server", "camera", "notifier")}


class ForkedProgram:
    """What `subprocess.Popen` is, as far as it is used for programs that go on."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        files: tuple[int, int, int],
        environment: Mapping[str, str],
    ) -> None:
        """Start `cekalwatch-PROGRAM`; `files` are its standard input, output and error, which stay the caller's."""
        self.args = [program, *arguments]
        self.stdout: IO[bytes] | None = None
        ends = [Connection(os.dup(file)) for file in files]
        self._process = forks().Process(target=_become, args=(program, list(arguments), dict(environment), ends))
        self._lock = Lock()
        self._process.start()
        for end in ends:
            end.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        with self._lock:  # of two that ask at once, only one reads it
            return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        if self.returncode is None:
            wait([self._process.sentinel], timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _become(program: str, arguments: list[str], environment: dict[str, str], ends: list[Connection]) -> None:
    for number, end in enumerate(ends):
        os.dup2(end.fileno(), number)
        end.close()
    os.setsid()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # the process's own, until it ends
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    run_main(program, arguments, environment)


def _ours(command: Sequence[str | Path]) -> tuple[str, list[str]] | None:
    """Return the program that a command starts in this interpreter, and its arguments; None for any other command."""
    python, *arguments = map(str, command)
    if python != sys.executable or arguments[:1] != ["-m"] or arguments[1] not in PROGRAMS:
        return None
    return PROGRAMS[arguments[1]], arguments[2:]


def completed(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Do what `subprocess.run` does for `answer_prompts`, and fork where it is one of ours in this interpreter."""
    if (ours := _ours(command)) is None:
        return subprocess.run(command, **options)  # noqa: PLW1510  # the caller says
    program, arguments = ours
    return run_program(program, *arguments, typed=options["input"], environment=options["env"])


def popen(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[bytes] | ForkedProgram:
    """Do what `subprocess.Popen` does for `Program`, and fork where it is one of ours in this interpreter."""
    if (ours := _ours(command)) is None:
        return subprocess.Popen(command, **options)
    assert options.pop("stdin") == subprocess.DEVNULL
    output, errors, environment = options.pop("stdout"), options.pop("stderr"), options.pop("env")
    assert options == {"start_new_session": True}
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # a device
        if output != subprocess.PIPE:
            files = nothing.fileno(), output.fileno(), errors.fileno()
            return ForkedProgram(*ours, files, environment)
        reading, writing = os.pipe()
        files = nothing.fileno(), writing, errors.fileno()
        forked = ForkedProgram(*ours, files, environment)
        os.close(writing)
        forked.stdout = os.fdopen(reading, "rb")
        return forked
