from __future__ import annotations

import asyncio
import threading

import pytest

from cekalwatch.server.concurrency.byte_budget import ByteBudget
from cekalwatch.server.foundation.errors import CekalwatchError, Code

LONG_S = 30.0


def test_no_more_is_taken_at_once_than_there_is() -> None:
    budget = ByteBudget(100, LONG_S)
    most, inside, counting = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal most, inside
        for _ in range(50):
            with budget.taken(40):
                with counting:
                    inside += 40
                    most = max(most, inside)
                with counting:
                    inside -= 40

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 80
    assert budget.free == 100


async def test_a_small_wish_does_not_overtake_a_large_one() -> None:
    budget = ByteBudget(100, LONG_S)
    await budget.take(60)
    order: list[str] = []

    async def want(name: str, amount: int) -> None:
        await budget.take(amount)
        order.append(name)

    async with asyncio.timeout(LONG_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(want("large", 80))
        small = tasks.create_task(want("small", 10))
        await asyncio.sleep(0)
        assert not small.done()
        budget.give_back(60)
    assert order == ["large", "small"]
    assert budget.free == 10


async def test_who_waits_too_long_is_told_so_and_stands_in_nobodys_way() -> None:
    budget = ByteBudget(100, 0.01)
    with budget.taken(60):
        with pytest.raises(CekalwatchError) as caught:
            await budget.take(80)
        assert caught.value.code is Code.SERVER_BUSY

        def blocking() -> None:
            with budget.taken(80):
                pytest.fail("there was no room")

        with pytest.raises(CekalwatchError) as caught:
            await asyncio.to_thread(blocking)
        assert caught.value.code is Code.SERVER_BUSY
        await budget.take(40)
    budget.give_back(40)
    assert budget.free == 100


async def test_who_goes_away_while_waiting_takes_nothing_along() -> None:
    budget = ByteBudget(100, LONG_S)
    await budget.take(100)
    waiting = asyncio.create_task(budget.take(50))
    await asyncio.sleep(0)
    # The turn comes and the caller goes in the same round of the event loop.
    budget.give_back(100)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert budget.free == 100


def test_what_never_fits_is_a_defect() -> None:
    with pytest.raises(ValueError, match="never"), ByteBudget(100, LONG_S).taken(101):
        pass
