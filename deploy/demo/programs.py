"""One running program: started with its output in files, watched, and stopped within a bounded time.

It knows nothing of what the programs do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import MappingProxyType, TracebackType
from typing import ClassVar, Self

from cekalwatch.program.errors import ProgramError

STOP_SECONDS = 10.0
LOW_PRIORITY = 15

complete: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
"""Runs a command that prompts to its end; see `Program.launch`."""


class Program:
    """A Python process, child of this one.

    Its standard error goes to `<name>.log`, appended, so that a restart keeps it. Its standard output goes there as
    well, unless `on_line` takes it, line by line, on a thread of its own.
    """

    launch: ClassVar[Callable[..., subprocess.Popen[bytes]]] = subprocess.Popen
    """Starts the process. Most tests fork it instead: Python loads the modules of a server for seconds."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log_folder: Path,
        on_line: Callable[[str], None] | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
        python: str | Path = sys.executable,
    ) -> None:
        """Start it; `arguments` are those of the interpreter `python`, `environment` is added to this process's."""
        self.name = name
        self.log_file = log_folder / f"{name}.log"
        log_folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = self.launch(
                [python, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if on_line else log,
                stderr=log,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(environment),
                # Ctrl-C in a terminal reaches the whole group; the owner decides who stops first.
                start_new_session=True,
            )
        self._reader: Thread | None = None
        if on_line:
            self._reader = Thread(target=self._read, args=(on_line,), name=f"{name}-output", daemon=True)
            self._reader.start()

    def _read(self, on_line: Callable[[str], None]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            on_line(line.decode("utf-8", "replace").rstrip("\n"))

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise ProgramError with the log's last lines if it has ended."""
        if not self.running:
            raise ProgramError(f"{self.name} ended with exit code {self._process.returncode}.\n{self.last_lines()}")

    def wait(self, timeout_s: float) -> int:
        """Wait for it to end by itself and return its exit code. Raises ProgramError when it does not in time."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"{self.name} did not end within {timeout_s:.0f} s.\n{self.last_lines()}") from None

    def wait_for_success(self, timeout_s: float) -> None:
        """Wait for it to end by itself. Raises ProgramError when it fails, or does not end in time."""
        code = self.wait(timeout_s)
        if code:
            raise ProgramError(f"{self.name} ended with exit code {code}.\n{self.last_lines()}")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.wait()
        self._finish()

    def stop(self) -> None:
        """Ask it to end; after STOP_SECONDS end it. Harmless when it has ended already."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._finish()

    def _finish(self) -> None:
        if self._reader:
            self._reader.join(STOP_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()

    def last_lines(self, count: int = 15) -> str:
        """Return the end of its log, for an error message."""
        lines = self.log_file.read_text("utf-8", "replace").splitlines()[-count:]
        return "\n".join([f"The end of {self.log_file}:", *(f"  {line}" for line in lines)])

    def last_record(self, event: str) -> dict[str, object]:
        """Return the newest structured log record of `event`. Raises ProgramError when there is none."""
        for line in reversed(self.log_file.read_text("utf-8", "replace").splitlines()):
            if line.startswith("{"):
                record: dict[str, object] = json.loads(line)
                if record.get("event") == event:
                    return record
        raise ProgramError(f"{self.name} logged no {event!r}.\n{self.last_lines()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def run_to_end(
    name: str,
    arguments: Sequence[str],
    log_folder: Path,
    timeout_s: float,
    environment: Mapping[str, str] = MappingProxyType({}),
    python: str | Path = sys.executable,
    *,
    gives_way: bool = False,
) -> Program:
    """Run a command to its end, and return it. Raises ProgramError when it fails or does not end in time.

    What `gives_way` is typed at another machine in reality, and takes little from the programs that are timed here.
    """
    with Program(name, arguments, log_folder, environment=environment, python=python) as program:
        if gives_way:
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, program.pid, LOW_PRIORITY)
        program.wait_for_success(timeout_s)
        return program


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str, *programs: Program) -> None:
    """Ask `condition` until it holds. Raises ProgramError when a program ends meanwhile, or the time is up."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        for program in programs:
            program.check()
        if time.monotonic() > deadline:
            logs = "\n".join(program.last_lines() for program in programs)
            raise ProgramError(f"{what} did not happen within {timeout_s:.0f} s.\n{logs}")
        time.sleep(0.05)


def answer_prompts(
    name: str,
    arguments: Sequence[str],
    typed: Sequence[str],
    timeout_s: float,
    environment: Mapping[str, str] = MappingProxyType({}),
    python: str | Path = sys.executable,
) -> str:
    """Run a command that prompts, type these lines, and return its output. Raises ProgramError when it fails."""
    done = complete(
        [python, *arguments],
        input="".join(f"{line}\n" for line in typed),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env=os.environ | dict(environment),
    )
    if done.returncode:
        raise ProgramError(f"{name} ended with exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()
