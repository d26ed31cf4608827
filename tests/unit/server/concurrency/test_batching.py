import asyncio
import threading
from collections.abc import Sequence

import pytest

from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.concurrency.batching import BatchWorker


async def test_what_queues_up_while_a_worker_is_busy_is_done_in_one_batch():
    began, release = threading.Event(), threading.Event()
    batches: list[list[int]] = []

    def work(items: list[int]) -> Sequence[int]:
        batches.append(items)
        began.set()
        release.wait(10)
        return [item * 10 for item in items]

    worker = BatchWorker("test", work, threads=1, most=4)
    first = asyncio.create_task(worker.do(0))
    await asyncio.to_thread(began.wait, 10)
    others = [asyncio.create_task(worker.do(number)) for number in range(1, 7)]
    await asyncio.sleep(0)  # lets the tasks put their items
    release.set()
    assert await asyncio.gather(first, *others) == [0, 10, 20, 30, 40, 50, 60]
    assert batches == [[0], [1, 2, 3, 4], [5, 6]]
    worker.close()


async def test_a_lone_item_is_worked_on_at_once_however_many_fit_into_a_batch():
    batches: list[list[int]] = []

    def work(items: list[int]) -> Sequence[int]:
        batches.append(items)
        return items

    worker = BatchWorker("test", work, threads=2, most=8)
    for number in range(3):  # each comes when the one before is done: no other would fill its batch, ever
        assert await asyncio.wait_for(worker.do(number), 30) == number
    assert batches == [[0], [1], [2]]
    worker.close()


async def test_one_bad_item_does_not_spoil_its_batch():
    def work(items: list[int]) -> Sequence[int | Exception]:
        return [ValueError("bad") if item == 1 else item for item in items]

    worker = BatchWorker("test", work, threads=1, most=4)
    results = await asyncio.gather(*(worker.do(item) for item in range(3)), return_exceptions=True)
    assert [results[0], results[2]] == [0, 2]
    assert isinstance(results[1], ValueError)
    worker.close()


async def test_a_batch_that_fails_tells_every_caller_and_the_worker_goes_on():
    def work(items: list[int]) -> Sequence[int]:
        if 13 in items:
            raise RuntimeError("defect")
        return items

    worker = BatchWorker("test", work, threads=1, most=1)
    with pytest.raises(RuntimeError, match="defect"):
        await worker.do(13)
    assert await worker.do(1) == 1
    worker.close()


async def test_work_that_forgets_a_result_fails_its_callers_and_the_worker_goes_on():
    def work(items: list[int]) -> Sequence[int]:
        return [item for item in items if item != 13]

    worker = BatchWorker("test", work, threads=1, most=1)
    async with asyncio.timeout(30):
        with pytest.raises(ValueError, match="0 results of 1 items"):
            await worker.do(13)
        assert await worker.do(1) == 1
    worker.close()


async def test_a_worker_that_is_unwell_tells_its_callers_and_is_shown_as_failing_until_it_is_well():
    broken = threading.Event()
    broken.set()

    def work(items: list[int]) -> Sequence[int]:
        if broken.is_set():
            raise OSError("the device is gone")
        return items

    worker = BatchWorker("unwell", work, threads=1, most=1, unwell=(OSError,))

    def state() -> LoopStatus:
        return next(loop for loop in LOOPS.states if loop.name == "unwell-0")

    with pytest.raises(OSError, match="the device is gone"):
        await worker.do(1)
    async with asyncio.timeout(30):
        with pytest.raises(OSError, match="the device is gone"):
            await worker.do(2)  # the round after that pause: the one before has been counted by then
    assert state().error == "OSError"
    assert state().failing_s is not None
    broken.clear()
    async with asyncio.timeout(30):
        assert await worker.do(3) == 3
        assert await worker.do(4) == 4
    assert state().failing_s is None
    worker.close()
