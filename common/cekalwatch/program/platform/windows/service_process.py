"""This process as a service of Windows: what the service control manager asks it, and what it is told.

The manager's calls arrive in threads of Windows; the work stays in the main thread, where Python's signals are.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pywintypes
import servicemanager
import win32api
import win32evtlog
import win32evtlogutil
import win32process
import win32service
import winerror

from cekalwatch.program.version import version

CONNECTING_S: Final = 25.0
"""The manager itself waits for 30 s."""
STOPPING_MS: Final = 30_000
"""How long a stop may take: what waits in memory is written to the disk."""
_STOPS: Final = frozenset(
    {
        win32service.SERVICE_CONTROL_STOP,
        win32service.SERVICE_CONTROL_SHUTDOWN,
        win32service.SERVICE_CONTROL_PRESHUTDOWN,
    }
)
_ACCEPTED: Final = win32service.SERVICE_ACCEPT_STOP | win32service.SERVICE_ACCEPT_SHUTDOWN
_EVENT: Final = 1
"""Number of our events: the message table has "%1" for it."""


class ServiceProcess:
    """The connection of this process with the service control manager."""

    def __init__(self, name: str) -> None:
        """Connect as the service `name`, above normal priority. Raises OSError when no manager started this process."""
        self._name = name
        self._asked, self._connected, self._over = threading.Event(), threading.Event(), threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self._problem: OSError | None = None
        self._state = win32service.SERVICE_START_PENDING
        self._handle = 0
        servicemanager.Initialize(name, win32evtlog.__file__)
        servicemanager.PrepareToHostSingle(_hosted(self))
        self._dispatcher = threading.Thread(target=self._dispatch, name="service-control", daemon=True)
        self._dispatcher.start()
        if not self._connected.wait(CONNECTING_S):
            raise OSError(None, "the service control manager does not answer")
        if self._problem:
            raise self._problem
        win32process.SetPriorityClass(win32api.GetCurrentProcess(), win32process.ABOVE_NORMAL_PRIORITY_CLASS)

    def ready(self) -> None:
        self._tell(win32service.SERVICE_RUNNING)
        self.log(win32evtlog.EVENTLOG_INFORMATION_TYPE, f"{self._name} {version()} runs.")

    def stopping(self) -> None:
        self._tell(win32service.SERVICE_STOP_PENDING, STOPPING_MS)

    def failed(self, problem: str) -> None:
        """Let administrators see why the service ends."""
        self.log(win32evtlog.EVENTLOG_ERROR_TYPE, problem)

    def log(self, kind: int, text: str) -> None:
        """Write to Windows' log "Application"; what cannot be written is lost."""
        with suppress(pywintypes.error):
            win32evtlogutil.ReportEvent(self._name, _EVENT, eventType=kind, strings=[text])

    @contextmanager
    def stopped_by(self, stop: Callable[[], object]) -> Iterator[None]:
        """Call `stop`, from another thread and perhaps more than once, when the service is to end, in the block."""
        self._stop = stop
        if self._asked.is_set():
            stop()
        try:
            yield
        finally:
            self._stop = lambda: None

    def end(self, code: int) -> None:
        """Report the end. With another `code` than 0 the process ends here, and the manager starts the service again.

        The entry of the service says so, also for a process that ends without a report.
        """
        if code:
            failed = (winerror.ERROR_SERVICE_SPECIFIC_ERROR, code)
            status = (win32service.SERVICE_WIN32_OWN_PROCESS, win32service.SERVICE_STOPPED, 0, *failed, 0, 0)
            with suppress(pywintypes.error):
                win32service.SetServiceStatus(self._handle, status)
            os._exit(code)
        self.log(win32evtlog.EVENTLOG_INFORMATION_TYPE, f"{self._name} has stopped.")
        self._over.set()
        self._dispatcher.join(CONNECTING_S)

    def connect(self, name: str) -> None:
        """Answer the manager, in the thread of the service's main function."""
        self._handle = servicemanager.RegisterServiceCtrlHandler(name, self._control, True)
        self._tell(win32service.SERVICE_START_PENDING, STOPPING_MS)
        self._connected.set()

    def host(self) -> None:
        """Be the service's main function until the end of the work."""
        self._over.wait()

    def _dispatch(self) -> None:
        try:
            servicemanager.StartServiceCtrlDispatcher()
        except pywintypes.error as error:
            self._problem = OSError(None, error.strerror, None, error.winerror)
        self._connected.set()

    def _control(self, control: int, *_: object) -> None:
        if control in _STOPS:
            self._asked.set()
            self.stopping()
            self._stop()
        elif control == win32service.SERVICE_CONTROL_INTERROGATE:
            self._tell(self._state)

    def _tell(self, state: int, within_ms: int = 0) -> None:
        if self._state == win32service.SERVICE_STOP_PENDING:
            state = self._state  # it does not run any more
        self._state = state
        accepted = _ACCEPTED if state == win32service.SERVICE_RUNNING else 0
        status = (win32service.SERVICE_WIN32_OWN_PROCESS, state, accepted, 0, 0, int(bool(within_ms)), within_ms)
        win32service.SetServiceStatus(self._handle, status)


def _hosted(process: ServiceProcess) -> type:
    """Return the class that pywin32 makes when the manager starts the service."""

    class Hosted:
        _svc_name_ = process._name  # noqa: SLF001  # pywin32's way to name it

        def __init__(self, arguments: list[str]) -> None:
            # Not later: pywin32 writes an error to the event log for a service that has not answered by now.
            process.connect(arguments[0])

        def SvcRun(self) -> None:  # noqa: N802  # pywin32's name
            process.host()

    return Hosted
