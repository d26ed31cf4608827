"""Reports to the service manager: systemd by its sd_notify protocol, or Windows' own; does nothing without one.

For systemd, one datagram on a Unix socket, as sd_notify(3) describes under "Standalone implementations": not worth a
library.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

import structlog

from cekalwatch.program.platform.service_control import service_control

log = structlog.get_logger()


class ServiceManager:
    """The service manager that started this program."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        # An abstract socket is written with an @ in the environment.
        self._address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC", "") if watched else ""
        self.watchdog_s = int(microseconds) / 1e6 if microseconds.isdecimal() else None
        """The program is restarted when it does not call `alive` for this time; None: no watchdog."""
        self._of_windows = service_control()

    def ready(self) -> None:
        self._notify("READY=1")
        if self._of_windows:
            self._of_windows.ready()

    def alive(self, status: str) -> None:
        """Reset the watchdog; `status` is shown by `systemctl status`."""
        self._notify(f"WATCHDOG=1\nSTATUS={status}")

    def stopping(self) -> None:
        self._notify("STOPPING=1")
        if self._of_windows:
            self._of_windows.stopping()

    def failed(self, problem: str) -> None:
        """Report why the program ends, as `systemctl status` or the event log then shows it; it is logged as well."""
        self._notify(f"STATUS={' '.join(problem.split())}")
        log.error("program_failed", problem=problem)
        if self._of_windows:
            self._of_windows.failed(problem)

    @property
    def is_there(self) -> bool:
        return bool(self._address) or self._of_windows is not None

    def _notify(self, message: str) -> None:
        if not self._address:
            return
        # When the message is lost, the service manager restarts the program; there is nothing better to do here.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.connect(self._address)
            connection.sendall(message.encode())
