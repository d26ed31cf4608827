from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cekalwatch.program.service import ServiceManager

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(5)
        yield end


def test_a_service_manager_hears_of_start_life_and_end(manager: socket.socket):
    service = ServiceManager({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "60000000"})
    service.ready()
    service.alive("gate-1 ok")
    service.stopping()
    assert [manager.recv(1000) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1\nSTATUS=gate-1 ok", b"STOPPING=1"]
    assert service.watchdog_s == 60


def test_an_abstract_socket_is_found():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0cekalwatch-test-{os.getpid()}")
        end.settimeout(5)
        ServiceManager({"NOTIFY_SOCKET": f"@cekalwatch-test-{os.getpid()}"}).ready()
        assert end.recv(1000) == b"READY=1"


def test_without_a_service_manager_nothing_happens(tmp_path: Path):
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        service = ServiceManager(environment)
        service.alive("ok")
        assert service.watchdog_s is None


def test_a_watchdog_that_is_set_for_another_process_is_none():
    assert ServiceManager({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}).watchdog_s is None
