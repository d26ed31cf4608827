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
from dataclasses import replace
from enum import StrEnum, auto
from functools import partial
from queue import LifoQueue
from types import MappingProxyType
from typing import IO, Final

from cekalwatch.program.confined.command import confined_command, confined_environment
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
    """Up to `count` processes that run one function. Threads may share it; none is started before it is needed."""

    def __init__(
        self,
        function: str,
        limits: Limits,
        *,
        count: int = 1,
        max_answer_bytes: int = 64_000_000,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`function` is MODULE:NAME of a `messages.Served`. `limits.processor_s` is for one conversation.

        `environment` is added to the minimal one of the processes.
        """
        self._processes = [
            _Process(function, limits, max_answer_bytes, confined_environment(environment), self._watch)
            for _ in range(count)
        ]
        self._watching: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = threading.Event()
        # The last used one is the next, so that processes that are not needed at once are not started.
        self._free: LifoQueue[_Process] = LifoQueue()
        for process in reversed(self._processes):
            self._free.put(process)

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
            self._free.put(process)

    def close(self) -> None:
        """End the processes. A running conversation ends with CRASHED; a later one begins with new processes."""
        with self._starting:
            watching, self._watching = self._watching, None
            self._closed.set()
            self._closed = threading.Event()
        for process in self._processes:
            process.end()
        if watching:
            watching.join()

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


class _Process:
    """One process, which is restarted when it has ended. One thread at a time uses it."""

    def __init__(
        self,
        function: str,
        limits: Limits,
        max_answer_bytes: int,
        environment: Mapping[str, str],
        watch: Callable[[], None],
    ) -> None:
        """`watch` lets `end_if_late` be called from time to time."""
        self._environment = environment
        # In its life it never needs more than all its conversations may take.
        whole = replace(limits, processor_s=limits.processor_s * (MAX_CONVERSATIONS + 1))
        worker = [sys.executable, "-I", "-m", "cekalwatch.program.confined.worker"]
        self._command = confined_command([*worker, function, str(limits.processor_s)], whole)
        self._wait_s = float(limits.processor_s * SLOWEST_FACTOR)
        self._max_answer_bytes = max_answer_bytes
        self._running: subprocess.Popen[bytes] | None = None
        self._watch = watch
        self._conversations = 0
        self._deadline: float | None = None
        self._late = False

    @contextmanager
    def conversation(self) -> Iterator[Ask]:
        if self._conversations >= MAX_CONVERSATIONS:
            self.end()
        running = self._running or self._start()
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
            if open_ and self._running is running:
                self._drop(running)

    def end(self) -> None:
        """End the process, if there is one."""
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
        with self._until(self._wait_s):
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
            return read_message(_pipes(running)[1], self._max_answer_bytes)
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
