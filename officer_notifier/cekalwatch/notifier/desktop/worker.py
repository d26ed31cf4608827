"""Runs calls outside the window's thread, and brings their results back to it as signals."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from PySide6.QtCore import QObject, Signal, Slot

from cekalwatch.office.client.refusals import Failure
from cekalwatch.program.errors import ProgramError

CALLS_AT_ONCE = 4

Result = TypeVar("Result")


class Worker(QObject):
    """Some threads for calls that block. What they return arrives in the thread that made the worker."""

    _finished = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=CALLS_AT_ONCE, thread_name_prefix="calls")
        self._closed = False
        self._finished.connect(self._deliver)

    def run(
        self, call: Callable[[], Result], done: Callable[[Result], object], failed: Callable[[Failure], object]
    ) -> None:
        """Run `call`, then `done` with what it returned or `failed` with its failure; other errors are raised there."""
        if not self._closed:
            self._pool.submit(self._call, call, done, failed)

    def close(self) -> None:
        """Wait for the calls that run, and take no more."""
        self._closed = True
        self._pool.shutdown(cancel_futures=True)

    def _call(self, call: Callable[[], Any], done: Callable[..., object], failed: Callable[..., object]) -> None:
        try:
            result = call()
        except (grpc.RpcError, ProgramError) as error:
            self._deliver_later(failed, error)
        except Exception as error:  # noqa: BLE001  # a fault of ours: it must end up where such faults are reported
            self._deliver_later(_raise, error)
        else:
            self._deliver_later(done, result)

    def _deliver_later(self, receiver: Callable[..., object], value: object) -> None:
        if not self._closed:
            self._finished.emit(receiver, value)

    @Slot(object, object)
    def _deliver(self, receiver: Callable[..., object], value: object) -> None:
        """Run in the worker's own thread: a signal that comes from another one is queued."""
        receiver(value)


def _raise(error: Exception) -> None:
    raise error
