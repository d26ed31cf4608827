"""Loops that fail go on, are counted, and say how they do."""

from __future__ import annotations

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.program.errors import ToldError
from cekalwatch.program.loops import Loops


class Work:
    """Rounds of which the test says how each ends; the last one waits for ever."""

    def __init__(self, *ends: BaseException | None) -> None:
        self.ends = list(ends)
        self.done = asyncio.Event()

    async def round(self) -> None:
        if not self.ends:
            self.done.set()
            await asyncio.Event().wait()
        if end := self.ends.pop(0):
            raise end


async def after(loops: Loops, *ends: BaseException | None) -> LoopStatus:
    """Let a loop have rounds with these ends, and return how it does then."""
    work = Work(*ends)
    task = asyncio.create_task(loops.keep("test", work.round))
    async with asyncio.timeout(30):
        await work.done.wait()
    (state,) = loops.states
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return state


@pytest.mark.parametrize("error", [ValueError("defect"), KeyError(), MemoryError(), asyncio.CancelledError()])
async def test_a_loop_goes_on_whatever_fails(error: BaseException):
    state = await after(Loops(lambda: 7.0), error)
    assert (state.failures, state.failing_s, state.error) == (1, 0.0, type(error).__name__)


async def test_a_loop_that_works_again_is_well_and_its_failures_stay_counted():
    loops = Loops()
    state = await after(loops, ValueError(), None)
    assert (state.failures, state.failing_s) == (1, None)
    assert loops.states == ()


async def test_it_fails_since_its_first_failure_in_a_row():
    moments = iter([10.0, 25.0])
    state = await after(Loops(lambda: next(moments)), ValueError(), ValueError())
    assert (state.failures, state.failing_s) == (2, 15.0)


async def test_what_is_logged_quotes_no_more_than_it_may():
    with capture_logs() as logs:
        await after(Loops(), ValueError("Budi Santoso"), ToldError("the disk is full"), None)
    defect, told, well = logs
    assert "Budi" not in str(defect)
    assert "test_loops.py" in defect["place"]
    assert (defect["log_level"], defect["error"]) == ("error", "ValueError")
    assert (told["log_level"], told["error"], told["failures"]) == ("warning", "the disk is full", 2)
    assert well["event"] == "loop_well"


def test_a_loop_of_a_thread_goes_on_too_and_ends_when_its_work_says_so():
    loops, paused = Loops(), list[float]()
    ends: list[bool | Exception] = [True, ValueError(), True, False]
    seen = list[LoopStatus]()

    def work() -> bool:
        seen.extend(loops.states)
        end = ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    thread = threading.Thread(target=loops.keep_here, args=("test", work, paused.append))
    thread.start()
    thread.join(30)
    assert [state.failing_s is None for state in seen] == [True, True, False, True]
    assert (len(paused), loops.states) == (1, ())
