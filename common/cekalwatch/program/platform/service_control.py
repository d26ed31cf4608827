"""The service of Windows that this process is, if it is one; on other systems the service manager speaks sd_notify."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class ServiceControl(Protocol):
    """What Windows' service control manager is told by its service."""

    def ready(self) -> None:
        """Report that the service runs."""

    def stopping(self) -> None:
        """Report that it stops."""

    def failed(self, problem: str) -> None:
        """Let administrators see why it ends."""

    def stopped_by(self, stop: Callable[[], object]) -> AbstractContextManager[None]:
        """Call `stop`, from another thread and perhaps more than once, when it is to end, in the block."""


_CONNECTED: list[ServiceControl] = []


def service_control() -> ServiceControl | None:
    """Return the service that this process is; None: it is none."""
    return _CONNECTED[0] if _CONNECTED else None


def serve(name: str, work: Callable[[], None]) -> None:
    """Be the service `name` of Windows while `work` runs, in this thread; SystemExit is its end.

    After a failure the process ends here, and Windows starts it again. Raises OSError when Windows has not started this
    process as a service.
    """
    if sys.platform != "win32":
        raise OSError(None, "there are no services of Windows here")
    from cekalwatch.program.platform.windows.service_process import ServiceProcess

    process = ServiceProcess(name)
    _CONNECTED.append(process)
    code: object = 0
    try:
        work()
    except SystemExit as end:
        code = end.code
    except Exception as error:  # noqa: BLE001  # whatever it is, administrators see it, and the service is started again
        process.failed(f"{name} has failed unexpectedly ({type(error).__name__}); its log says more.")
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    process.end(code if isinstance(code, int) else int(code is not None))
