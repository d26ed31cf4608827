"""The server as a service: what it tells its manager from the start to the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit
from deploy.demo.stack import kept_port
from tests.support.tools.packs import light_pack

WAIT_S = 120.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")


@pytest.mark.slow
def test_the_service_manager_hears_when_it_serves_that_it_lives_and_when_it_stops(tmp_path: Path):
    pack = light_pack()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, kept_port() as port:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(WAIT_S)
        address = f"127.0.0.1:{port}"
        command = [sys.executable, "-m", "cekalwatch.server", "serve", "--data-dir", str(tmp_path / "data")]
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": manager.getsockname(),
            "WATCHDOG_USEC": "500000",
            "CEKALWATCH_SERVER_LISTEN": address,
            "CEKALWATCH_SERVER_MODELS_DIR": str(pack.parent),
            "CEKALWATCH_SERVER_MODEL_PACK": pack.name,
        }
        with (tmp_path / "log").open("wb") as log:
            server = subprocess.Popen(command, env=environment, stderr=log)
        try:
            assert manager.recv(1000) == b"READY=1", (tmp_path / "log").read_text()
            with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S):
                pass  # what is told ready can be reached
            alive = f"WATCHDOG=1\nSTATUS=serving at {address}".encode()
            assert [manager.recv(1000) for _ in range(3)] == [alive] * 3
            server.send_signal(signal.SIGTERM)
            last = alive
            while last == alive:
                last = manager.recv(1000)
            assert last == b"STOPPING=1"
            assert server.wait(WAIT_S) == Exit.OK
        finally:
            server.kill()
            server.wait()
