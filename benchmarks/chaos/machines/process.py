"""A program that may be killed, stopped and started again: each of its processes is one life of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError

STOP_S = 30.0


@dataclass
class Life:
    """One process of a program."""

    number: int
    process: subprocess.Popen[bytes]
    reader: threading.Thread | None = None
    meant_to_end: bool = False
    """Whether the bench ended it."""


@dataclass
class Lives:
    """A program; `launch` begins its first life."""

    name: str
    arguments: Sequence[str]
    """Of the Python interpreter."""
    logs: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    on_line: Callable[[int, str], None] | None = None
    """Takes each whole line of its standard output, with the number of the life, on a thread of its own."""
    takes_input: bool = False
    python: str | Path = sys.executable
    """The interpreter; another one finds another version of the program, from the next life on."""

    def __post_init__(self) -> None:
        self.lives: list[Life] = []
        self.revivals = 0
        self.lock = threading.RLock()
        """Held by who begins or ends a life."""

    @property
    def log_file(self) -> Path:
        """What it wrote to its standard error, over all lives."""
        return self.logs / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """The process of its present life, or of the last one."""
        return self.lives[-1].process.pid

    @property
    def running(self) -> bool:
        """Whether it is alive."""
        return bool(self.lives) and self.lives[-1].process.poll() is None

    def launch(self) -> None:
        """Begin another life."""
        with self.lock:
            self.logs.mkdir(parents=True, exist_ok=True)
            with self.log_file.open("ab") as log:
                process = subprocess.Popen(
                    [self.python, *self.arguments],
                    stdin=subprocess.PIPE if self.takes_input else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if self.on_line else log,
                    stderr=log,
                    env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(self.environment),
                    start_new_session=True,
                )
            life = Life(len(self.lives) + 1, process)
            if self.on_line:
                life.reader = threading.Thread(target=self._read, args=(life,), name=self.name, daemon=True)
                life.reader.start()
            self.lives.append(life)

    def _read(self, life: Life) -> None:
        assert life.process.stdout is not None
        assert self.on_line is not None
        for line in life.process.stdout:
            if line.endswith(b"\n"):  # else the death of the process cut it off
                self.on_line(life.number, line.decode("utf-8", "replace"))

    def say(self, line: str) -> bool:
        """Write a line to its standard input; return whether it took it. It blocks while the program hangs."""
        target = self.lives[-1].process.stdin
        if target is None or not self.running:
            return False
        try:
            target.write(line.encode() + b"\n")
            target.flush()
        except (BrokenPipeError, ValueError):  # it died
            return False
        return True

    def kill(self) -> None:
        """End it as a power cut does."""
        with self.lock:
            self._end(signal.SIGKILL)

    def end(self) -> None:
        """Ask it to end, and wait for it; after STOP_S it is killed. Raises ProgramError when that was needed."""
        with self.lock:
            if not self._end(signal.SIGTERM):
                raise ProgramError(f"{self.name} did not end within {STOP_S:.0f} s of SIGTERM.\n{self.last_lines()}")

    def _end(self, number: signal.Signals) -> bool:
        if not self.lives:
            return True
        life = self.lives[-1]
        if life.process.poll() is not None:
            return True
        life.meant_to_end = True
        life.process.send_signal(number)
        in_time = True
        try:
            life.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            in_time = False
            life.process.kill()
            life.process.wait()
        if life.reader:
            life.reader.join(STOP_S)
        for stream in (life.process.stdin, life.process.stdout):
            if stream:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue
        return in_time

    def freeze(self) -> None:
        """Stop it where it is (SIGSTOP)."""
        with self.lock:
            if self.running:
                os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        with self.lock:
            if self.running:
                os.kill(self.pid, signal.SIGCONT)

    def revive(self) -> None:
        """Begin another life if it ended since something was away, as a service manager does."""
        with self.lock:
            if self.lives and not self.running:
                life = self.lives[-1]
                if not life.meant_to_end and life.process.returncode == Exit.UNAVAILABLE:
                    self.revivals += 1
                    self.launch()

    def deaths(self) -> list[str]:
        """Say which lives ended by themselves, but for those that ended since something was away."""
        return [
            f"{self.name}, life {life.number}, ended by itself with {life.process.returncode}:\n{self.last_lines()}"
            for life in self.lives
            if life.process.poll() not in (None, Exit.UNAVAILABLE) and not life.meant_to_end
        ]

    def last_lines(self, count: int = 12) -> str:
        """Return the end of its log."""
        lines = self.log_file.read_text("utf-8", "replace").splitlines()[-count:]
        return "\n".join(f"    {line}" for line in lines)
