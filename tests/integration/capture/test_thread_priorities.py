import os
import sys
import threading
from pathlib import Path

import pytest

from tests.support.scenarios.server import running, settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives single threads a priority")


async def test_the_recognising_threads_of_a_server_stand_back_and_those_of_alerts_do_not(tmp_path: Path) -> None:
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    others = set(threading.enumerate())
    async with running(settings(tmp_path, threads=2)):
        nice = {
            thread.name: os.getpriority(os.PRIO_PROCESS, thread.native_id)
            for thread in set(threading.enumerate()) - others
            if thread.native_id
        }
    assert nice["embed-0"] == nice["embed-1"] == max(mine, 5)
    assert nice["decide-0"] == nice["deliveries-0"] == nice["acknowledge-0"] == mine
