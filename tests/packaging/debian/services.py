"""The units of our packages on machines that have no service manager: started, watched and restarted as they say."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from tests.packaging.debian.clean_debian import CleanDebian

WAIT_S = 180.0


class Service:
    """One service, from its start to its stop."""

    def __init__(self, machine: CleanDebian, program: str, log: Path) -> None:
        self._machine, self._program, self.log = machine, program, log
        unit = (machine.root / f"usr/lib/systemd/system/{program}.service").read_text()
        (self._command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
        self._variables = dict(one.split("=", 1) for one in re.findall(r"^Environment=(.+)$", unit, re.MULTILINE))
        self._pause_s = float(re.findall(r"^RestartSec=(.+)$", unit, re.MULTILINE)[0])
        self._stopped = Event()
        self._running = self._start()
        self._restarting = Thread(target=self._restart)

    def _start(self) -> subprocess.Popen[bytes]:
        """Start it, and wait until it has said that it is ready."""
        folder = os.open(self._machine.root / "run", os.O_RDONLY)
        name = f"cekalwatch-{secrets.token_hex(8)}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(f"/proc/self/fd/{folder}/{name}")  # the whole path may be too long for a socket
                (self._machine.root / "run" / name).chmod(0o666)
                manager.settimeout(WAIT_S)
                variables = self._variables | {"NOTIFY_SOCKET": f"/run/{name}"}
                running = self._machine.start(
                    *self._command.split(), account=self._program, log=self.log, environment=variables
                )
                try:
                    told = manager.recv(1000)
                except TimeoutError:
                    told = b""
                if told != b"READY=1":
                    running.terminate()
                    raise AssertionError(f"{self._program}: {told.decode()}\n{self.log.read_text()}")
                return running
        finally:
            os.close(folder)

    def _restart(self) -> None:
        while not self._stopped.is_set():
            if self._running.poll() is not None and not self._stopped.wait(self._pause_s):
                self._running = self._start()
            self._stopped.wait(0.2)

    def __enter__(self) -> Service:
        self._restarting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it for good; it may be stopped already."""
        self._stopped.set()
        self._restarting.join()
        self._running.terminate()
        self._running.wait(WAIT_S)


@contextmanager
def own_network() -> Iterator[Path]:
    """A network for machines of a test, which reach each other at 127.0.0.1 and nobody else."""
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"],
                          stdout=subprocess.PIPE) as holder:  # fmt: skip
        try:
            assert holder.stdout
            assert holder.stdout.readline() == b"up\n"
            yield Path(f"/proc/{holder.pid}/ns/net")
        finally:
            holder.terminate()
