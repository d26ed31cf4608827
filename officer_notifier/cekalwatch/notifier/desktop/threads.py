"""Between the windows' thread and the others: calls that leave it, and what the subscription's thread brings to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import grpc
import shiboken6
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication

from cekalwatch.contract.values.alarms import Alarms
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.delivery.alert_delivery import AlertDelivery
from cekalwatch.notifier.desktop.desk import Desk
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.client.refusals import Failure
from cekalwatch.office.connection import Disconnected, LostPosition
from cekalwatch.program.errors import ProgramError

CALLS_AT_ONCE = 4

Result = TypeVar("Result")


class Worker(QObject):
    """Some threads for blocking calls. Their results arrive in the thread that made the worker."""

    _finished = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=CALLS_AT_ONCE, thread_name_prefix="calls")
        self._closed = False
        self._finished.connect(self._deliver)

    def run(
        self, call: Callable[[], Result], done: Callable[[Result], object], failed: Callable[[Failure], object]
    ) -> None:
        """Run `call`, then `done` with its result or `failed` with its failure; other errors are raised there."""
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


class DesktopScreen(QObject):
    """A `Screen` for the subscription's thread: hands everything to the windows' thread, and waits there.

    An alert has been shown when the windows' thread has put it into them.
    """

    _asked = Signal(object)

    def __init__(self, desk: Desk, take_alarms: Callable[[Alarms], None]) -> None:
        super().__init__()
        self._desk, self._take_alarms = desk, take_alarms
        self._ended = threading.Event()
        self._asked.connect(self._answer)

    def end(self) -> None:
        """Stop waiting: the windows' thread ends."""
        self._ended.set()

    def prepare(self, alert: Alert) -> None:
        """See `Screen`: nothing, since the window loads the pictures that it shows, and no text waits for them."""

    def show(self, *shown: ShownAlert) -> None:
        self._do(lambda: self._show(*shown))

    def connected(self, freshness: Freshness, waiting: int, readiness: Readiness | None = None) -> None:
        self._do(lambda: self._desk.connected(freshness, waiting, readiness))

    def disconnected(self, ended: Disconnected) -> None:
        self._do(lambda: self._desk.disconnected(ended))

    def started_over(self, lost: LostPosition) -> None:
        self._do(lambda: self._desk.started_over(lost))

    def passed_unusable(self, notice: UnusableNotice) -> None:
        self._do(lambda: self._desk.passed_unusable(notice))

    def alarms(self, present: Alarms) -> None:
        with suppress(ScreenGone):  # the thread of alarms ends with the windows
            self._do(lambda: self._take_alarms(present))

    def _show(self, *shown: ShownAlert) -> None:
        self._desk.show(*shown)
        for window in QApplication.topLevelWidgets():
            if window.isVisible():
                window.repaint()  # now, so that alerts that count as shown are on the screen

    def _do(self, action: Callable[[], None]) -> None:
        request = _Request(action)
        self._asked.emit(request)
        while not request.done.wait(0.2):
            if self._ended.is_set():
                raise ScreenGone
        if request.error:
            raise request.error

    @Slot(object)
    def _answer(self, request: _Request) -> None:
        try:
            request.action()
        except Exception as error:  # noqa: BLE001  # it belongs to the thread that asked
            request.error = error
        finally:
            request.done.set()


class ScreenGone(Exception):  # noqa: N818  # not an error: the program ends
    """The windows have closed; the update was not shown."""


class _Request:
    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.done = threading.Event()
        self.error: Exception | None = None


class SignInRecall(QObject):
    """Tells the delivery of alerts who has signed in here, so that this person's waiting alerts arrive at once.

    Alerts come from a thread: each waits until the windows have shown it.
    """

    def __init__(self, desk: Desk, delivery: AlertDelivery) -> None:
        super().__init__()
        self._desk, self._delivery = desk, delivery
        self._worker = Worker(self)
        desk.session_changed.connect(self._session_changed)

    def close(self) -> None:
        """Wait for what runs."""
        self._worker.close()
        shiboken6.delete(self)

    def _session_changed(self) -> None:
        session = self._desk.session
        if session and self._desk.unlocked:
            self._worker.run(lambda: self._told(session), lambda _: None, _raise)

    def _told(self, session: PersonSession) -> None:
        with suppress(ScreenGone):
            self._delivery.person_came(session)
