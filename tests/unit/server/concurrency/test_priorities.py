import asyncio
import os
import sys
import threading
from collections.abc import Sequence

import pytest

from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.concurrency.priorities import BackgroundThreads, Priority

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives single threads a priority")


def _nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def _of_a_worker(priority: Priority) -> int:
    def work(items: list[None]) -> Sequence[int]:
        return [_nice() for _ in items]

    worker: BatchWorker[None, int] = BatchWorker("one", work, threads=1, most=1, priority=priority)
    try:
        return asyncio.run(worker.do(None))
    finally:
        worker.close()


def test_only_the_threads_that_recognise_stand_back() -> None:
    mine = _nice()
    assert _of_a_worker(Priority.SERVING) == mine
    assert _of_a_worker(Priority.RECOGNITION) == max(mine, 5)
    assert _nice() == mine


def test_what_a_background_thread_starts_does_not_come_before_it() -> None:
    background = max(_nice(), 15)
    with BackgroundThreads(1, "background") as threads:
        assert threads.submit(_of_a_worker, Priority.RECOGNITION).result() == background
        assert threads.submit(_nice).result() == background


def test_a_program_that_stands_back_already_stays_where_it_is() -> None:
    """To come forward again takes a privilege that a service does not have."""
    seen: list[int] = []

    def low() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 12)
        seen.append(_of_a_worker(Priority.RECOGNITION))

    thread = threading.Thread(target=low)
    thread.start()
    thread.join()
    assert seen == [12]
