from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from cekalwatch.camera.watchdog import watch_over
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.service import ServiceManager


@dataclass
class Busy:
    """A camera that has been at one frame for so long."""

    camera_id: str
    busy_s: float
    summary: str = "ok"


async def test_a_vision_thread_that_hangs_ends_the_program_and_the_service_manager_hears_no_more(tmp_path: Path):
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        service = ServiceManager({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "150000"})
        cameras = [Busy("gate-1", 0.0), Busy("gate-2", 29.0)]
        watching = asyncio.create_task(watch_over(lambda: cameras, service, asyncio.Event()))
        for _ in range(3):
            told = await asyncio.wait_for(loop.sock_recv(manager, 1000), 10)
            assert told == b"WATCHDOG=1\nSTATUS=gate-1 ok; gate-2 ok"
        cameras[1].busy_s = 31.0
        with pytest.raises(ProgramError, match="gate-2 hangs") as raised:
            await asyncio.wait_for(watching, 10)
        assert raised.value.exit_code is Exit.HANGS


async def test_it_ends_with_the_program():
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_over(lambda: [Busy("gate-1", 0.0)], ServiceManager({}), stop))
    stop.set()
    await asyncio.wait_for(watching, 10)
