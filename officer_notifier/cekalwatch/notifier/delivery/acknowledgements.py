"""Tells the server how far this PC has shown the event log, a moment after it was shown.

All PCs of an office are sent an alert in the same instant. What their officers need then are its pictures: the
acknowledgements come in the second after, spread over it, and one for all events of that time.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from types import TracebackType

import grpc
import structlog

from cekalwatch.office.client.background_thread import BackgroundThread
from cekalwatch.program.traces import TRACES

PAUSE_S = (0.2, 1.0)
"""Between the first event that is not acknowledged and the acknowledgement; drawn for each."""

log = structlog.get_logger()


class Acknowledgements(BackgroundThread):
    """Sends for the time of the block, and what is owed at its end; its methods may be called from any thread."""

    def __init__(
        self,
        acknowledge: Callable[[int, str], None],
        pause_s: Callable[[], float] = lambda: random.uniform(*PAUSE_S),  # noqa: S311  # no secret
    ) -> None:
        """`acknowledge` tells the server a sequence, in the context of a trace, or raises grpc.RpcError."""
        super().__init__("acknowledgements")
        self._acknowledge, self._pause_s = acknowledge, pause_s
        self._owed: int | None = None
        self._trace = ""
        self._tried = False
        self._changed = threading.Condition()

    def owe(self, sequence: int, trace: str = "") -> None:
        """Acknowledge every event up to `sequence` soon, in the context in which that one is traced."""
        with self._changed:
            self._owed, self._trace, self._tried = sequence, trace, False
            self._changed.notify()

    def try_again(self) -> None:
        """Try again what failed: the server has given a sign of life."""
        with self._changed:
            self._tried = False
            self._changed.notify()

    def forget(self) -> None:
        """Owe nothing any more: the server's log is another one."""
        with self._changed:
            self._owed = None

    def send(self) -> None:
        """Acknowledge what is owed; what fails stays owed until there is a reason to try again."""
        with self._changed:
            sequence, trace, self._tried = self._owed, self._trace, True
        if sequence is None:
            return
        try:
            with TRACES.span("alert.acknowledge", trace) as context:
                self._acknowledge(sequence, context)
        except grpc.RpcError as error:
            log.warning("acknowledgement_failed", sequence=sequence, code=error.code().name)
        else:
            with self._changed:
                if self._owed == sequence:
                    self._owed = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if not self._tried:  # it came while the last one was sent, or the thread had not begun
            self.send()

    def _round(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ended.is_set() or (self._owed is not None and not self._tried))
        self._ended.wait(self._pause_s())
        self.send()
        return True

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()
