"""Tells the service manager how the program does (systemd's sd_notify protocol); nothing where there is none.

A datagram on a Unix socket, as sd_notify(3) describes it under "Standalone implementations"; hence no library for it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class ServiceManager:
    """What started this program and wants to hear of it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        # An abstract socket is written with an @ in the environment.
        self._address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC", "") if watched else ""
        self.watchdog_s = int(microseconds) / 1e6 if microseconds.isdecimal() else None
        """It restarts the program that does not call `alive` for so long; None when it does not watch."""

    def ready(self) -> None:
        """Say that the program has started."""
        self._notify("READY=1")

    def alive(self, status: str) -> None:
        """Say that all is well; `status` is shown by `systemctl status`."""
        self._notify(f"WATCHDOG=1\nSTATUS={status}")

    def stopping(self) -> None:
        """Say that the program ends."""
        self._notify("STOPPING=1")

    def _notify(self, message: str) -> None:
        if not self._address:
            return
        # Who watches and cannot hear restarts the program; there is nothing better to do here than to go on.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.connect(self._address)
            connection.sendall(message.encode())
