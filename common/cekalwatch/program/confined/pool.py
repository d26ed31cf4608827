"""Runs our functions in confined processes, and never trusts their answers.

Answers are bytes, which the caller checks; they are never executed or unpickled here.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from functools import partial
from queue import LifoQueue, SimpleQueue
from types import MappingProxyType
from typing import IO, Final

from cekalwatch.program.confined.command import confine_started, confined_command, confined_environment
from cekalwatch.program.confined.limits import Limits
from cekalwatch.program.confined.messages import Mark, Refusal, read_message, write_message
from cekalwatch.program.loops import LOOPS

if sys.platform == "linux":
    import fcntl

MAX_CONVERSATIONS: Final = 500
"""Conversations after which a process is replaced, before its memory is fragmented."""
PIPE_BYTES: Final = 262_144
LOOK_PERIOD_S: Final = 0.5
START_S: Final = 120.0
"""How long a process may take until it waits for requests; a loaded machine is slow."""
SLOWEST_FACTOR: Final = 20
"""An answer may take this many times its processor time, on the clock: what neither works nor answers ends too."""

Ask = Callable[[bytes], bytes | None]
"""Sends a request and returns the answer; None when the function has returned. Raises `Refusal`, ConfinedError."""


class Cause(StrEnum):
    """Why a confined process gave no answer."""

    MEMORY = auto()
    """It needed more than it may have."""
    TIME = auto()
    """It took more time than it may."""
    CRASHED = auto()
    """It ended unexpectedly, or its answer is invalid."""
    FAILED = auto()
    """The function raised an exception other than `Refusal`."""
    NOT_STARTED = auto()
    """It could not be started, which says nothing about its input."""


class ConfinedError(Exception):
    """A confined process gave no answer. The process is gone; the next conversation gets another one."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else str(cause))
        self.cause = cause
        self.detail = detail


class ConfinedPool:
    """Up to `count` processes that run one function. Threads may share it."""

    def __init__(
        self,
        function: str,
        limits: Limits,
        *,
        count: int = 1,
        max_answer_bytes: int = 64_000_000,
        environment: Mapping[str, str] = MappingProxyType({}),
        answer_s: float | None = None,
        conversations: int = MAX_CONVERSATIONS,
        ready: bool = False,
    ) -> None:
        """`function` is MODULE:NAME of a `messages.Served`. `limits.processor_s` is for one conversation.

        `environment` is added to the minimal one of the processes. An answer may take `answer_s` seconds on the clock,
        by default SLOWEST_FACTOR times the processor time. A process is replaced after that many `conversations`.

        No process is started before it is needed, unless the pool is `ready`: it then starts all of them on a thread of
        its own, and each one that has ended again, so that a conversation takes one that runs while there is one.
        """
        bounds = _Bounds(
            limits, max_answer_bytes, answer_s or float(limits.processor_s * SLOWEST_FACTOR), conversations
        )
        self._processes = [
            _Process(function, bounds, confined_environment(environment), self._watch) for _ in range(count)
        ]
        self._watching: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = threading.Event()
        # The last used one is the next, so that processes that are not needed at once are not started.
        self._free: LifoQueue[_Process] = LifoQueue()
        self._to_start: SimpleQueue[_Process | None] = SimpleQueue()
        self._starter: threading.Thread | None = None
        self._over = threading.Event()
        """No process is started before it is needed, or any more."""
        for process in reversed(self._processes):
            (self._to_start if ready else self._free).put(process)
        if not ready:
            self._over.set()
        else:
            start = partial(LOOPS.keep_here, "start_processes", self._start_next, self._over.wait)
            self._starter = threading.Thread(target=start, name="confined-start", daemon=True)
            self._starter.start()

    @contextmanager
    def conversation(self) -> Iterator[Ask]:
        """Give a function that sends requests to one process; it waits until a process is free.

        The first request starts the function; each further one continues it to its next answer.
        """
        process = self._free.get()
        try:
            with process.conversation() as ask:
                yield ask
        finally:
            (self._free if self._over.is_set() or process.running else self._to_start).put(process)

    def close(self) -> None:
        """End the processes. A running conversation ends with CRASHED; a later one begins with new processes."""
        self._over.set()
        if self._starter:
            for process in self._processes:
                process.end()  # else the one that is being started is waited for
            self._to_start.put(None)
            self._starter.join()
        with self._starting:
            watching, self._watching = self._watching, None
            self._closed.set()
            self._closed = threading.Event()
        for process in self._processes:
            process.end()
        if watching:
            watching.join()

    def _start_next(self) -> bool:
        """Wait for a process that does not run, start it, and return whether to go on."""
        process = self._to_start.get()
        if process is None:
            return False
        try:
            if not self._over.is_set():
                process.start()
        except ConfinedError:
            if not self._over.is_set():  # it was not ended while it was being started
                raise
        finally:
            self._free.put(process)
        return True

    def _watch(self) -> None:
        """Have a thread that ends processes which take too long on the clock."""
        with self._starting:
            if self._watching is None:
                look = partial(_end_late_ones, self._closed, self._processes)
                self._watching = threading.Thread(
                    target=LOOPS.keep_here, args=("end_late_processes", look), name="confined", daemon=True
                )
                self._watching.start()


def _end_late_ones(closed: threading.Event, processes: Sequence[_Process]) -> bool:
    """Wait for a moment and end them; return whether to look again."""
    if closed.wait(LOOK_PERIOD_S):
        return False
    for process in processes:
        process.end_if_late()
    return True


@dataclass(frozen=True)
class _Bounds:
    """Of a process."""

    limits: Limits
    max_answer_bytes: int
    answer_s: float
    conversations: int


class _Process:
    """One process, which is restarted when it has ended. One thread at a time uses it."""

    def __init__(
        self, function: str, bounds: _Bounds, environment: Mapping[str, str], watch: Callable[[], None]
    ) -> None:
        """`watch` lets `end_if_late` be called from time to time."""
        self._environment = environment
        limits = bounds.limits
        # In its life it never needs more than all its conversations may take.
        whole = replace(limits, processor_s=limits.processor_s * (bounds.conversations + 1))
        worker = [sys.executable, "-I", "-m", "cekalwatch.program.confined.worker"]
        self._command, self._limits = confined_command([*worker, function, str(limits.processor_s)], whole), whole
        self._bounds = bounds
        self._running: subprocess.Popen[bytes] | None = None
        self._watch = watch
        self._conversations = 0
        self._deadline: float | None = None
        self._late = False

    @property
    def running(self) -> bool:
        """Whether it can have a conversation at once."""
        return self._running is not None and self._running.poll() is None

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, unless it runs. Raises ConfinedError."""
        if self._running and self._running.poll() is None:
            return self._running
        self.end()
        return self._start()

    @contextmanager
    def conversation(self) -> Iterator[Ask]:
        running = self.start()
        self._conversations += 1
        open_ = False

        def ask(request: bytes) -> bytes | None:
            nonlocal open_
            answer = self._exchanged(running, request)
            open_ = answer is not None
            return answer

        try:
            yield ask
        except ConfinedError:  # also when the caller found that its answer cannot be one
            self.end()
            raise
        finally:
            if self._conversations >= self._bounds.conversations:
                self.end()
            elif open_ and self._running is running:
                self._drop(running)

    def end(self) -> None:
        running, self._running, self._conversations = self._running, None, 0
        if running:
            running.kill()
            running.wait()
            for pipe in _pipes(running):
                pipe.close()

    def end_if_late(self) -> None:
        """End the process when its answer is overdue; its callers get an error."""
        running, deadline = self._running, self._deadline
        if running and deadline is not None and time.monotonic() > deadline:
            self._late = True
            running.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            running = self._running = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                cwd="/" if sys.platform != "win32" else None,
            )
            confine_started(running, self._limits)
        except OSError as error:
            raise ConfinedError(Cause.NOT_STARTED, error.strerror or type(error).__name__) from None
        _widen(running)
        self._watch()
        with self._until(START_S):
            found = self._read(running)
        if found is None or found[0] != Mark.READY:
            detail = found[1].decode(errors="replace")[:200] if found else f"exit code {running.poll()}"
            self.end()
            raise ConfinedError(Cause.NOT_STARTED, detail)
        return running

    def _exchanged(self, running: subprocess.Popen[bytes], request: bytes) -> bytes | None:
        with self._until(self._bounds.answer_s):
            try:
                write_message(_pipes(running)[0], Mark.ASK, request)
            except (OSError, ValueError):  # it is gone, and its pipe closed
                found = None
            else:
                found = self._read(running)
        if found is None:
            raise self._gone(running)
        mark, content = found
        match mark:
            case Mark.ANSWER:
                return content
            case Mark.END:
                return None
            case Mark.REFUSED:
                raise self._refusal(content)
            case Mark.FAILED:
                self.end()
                kind = content[:100].decode(errors="replace")
                raise ConfinedError(Cause.MEMORY if kind == MemoryError.__name__ else Cause.FAILED, kind)
        self.end()
        raise ConfinedError(Cause.CRASHED, "answers what it must not")

    def _drop(self, running: subprocess.Popen[bytes]) -> None:
        try:
            write_message(_pipes(running)[0], Mark.DROP)
        except OSError:
            self.end()

    def _read(self, running: subprocess.Popen[bytes]) -> tuple[int, bytes] | None:
        try:
            return read_message(_pipes(running)[1], self._bounds.max_answer_bytes)
        except (OSError, ValueError):
            return None

    def _refusal(self, content: bytes) -> Exception:
        try:
            match json.loads(content):
                case [str(kind), str(detail)]:
                    return Refusal(kind, detail)
        except (ValueError, RecursionError):
            pass
        self.end()
        return ConfinedError(Cause.CRASHED, "refuses as it must not")

    def _gone(self, running: subprocess.Popen[bytes]) -> ConfinedError:
        """Return why there was no answer, by how the process ended."""
        self.end()
        if self._late:
            return ConfinedError(Cause.TIME, "on the clock")
        ended = running.returncode
        if sys.platform != "win32" and ended == -signal.SIGXCPU:
            return ConfinedError(Cause.TIME, "of the processor")
        return ConfinedError(Cause.CRASHED, f"exit code {ended}")

    @contextmanager
    def _until(self, seconds: float) -> Iterator[None]:
        """End the process if the block takes longer; its callers then continue."""
        self._late = False
        self._deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline = None


def _widen(running: subprocess.Popen[bytes]) -> None:
    """Let the pipes hold most pictures at once, so that the two processes change places less often."""
    if sys.platform == "linux":
        for pipe in _pipes(running):
            with suppress(OSError):  # limited for each account
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _pipes(running: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if running.stdin is None or running.stdout is None:
        raise TypeError("the process has no pipes")
    return running.stdin, running.stdout
