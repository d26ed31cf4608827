"""What a receipt says and when it leaves, whatever was found: the database well, slow, away, and on its way there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import uuid6

from cekalwatch.contract.values.captures import CaptureOutcome, CaptureReceipt
from cekalwatch.server.capture import processing as module
from cekalwatch.server.capture.deciding import EmbeddedCapture
from cekalwatch.server.capture.processing import CaptureProcessor
from cekalwatch.server.domain.captures import Capture, Rejected
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.probes import Probe
from tests.support.builders.alerts import capture
from tests.support.scenarios.processing import DELAY_S, nothing, open_processor

AWAY = (CaptureOutcome.RETRY, Code.STORAGE_UNAVAILABLE)
ACCEPTED = (CaptureOutcome.ACCEPTED, None)


def listed() -> Capture:
    """A capture of somebody who alerts."""
    return capture(capture_id=str(uuid6.uuid7()), passage="listed")


def stranger() -> Capture:
    return capture(capture_id=str(uuid6.uuid7()), passage="stranger")


def embed(captures: list[Capture]) -> list[Probe]:
    return [Probe("model", np.zeros(1, np.float32)) for _ in captures]


def accept(batch: list[EmbeddedCapture]) -> list[CaptureOutcome]:
    return [CaptureOutcome.ACCEPTED for _ in batch]


class Database:
    """A database that can be away, for alerts and for the writes that find it out."""

    def __init__(self) -> None:
        self.away = False
        self.large_writes = 0

    async def write(self, large: bool) -> None:  # as it is called
        self.large_writes += large
        if self.away:
            raise CekalwatchError(Code.STORAGE_UNAVAILABLE)

    def decide(self, batch: list[EmbeddedCapture]) -> Sequence[CaptureOutcome | Exception]:
        return [
            CekalwatchError(Code.STORAGE_UNAVAILABLE)
            if self.away and item.capture.passage.endswith("listed")
            else CaptureOutcome.ACCEPTED
            for item in batch
        ]


def said(receipt: CaptureReceipt) -> tuple[CaptureOutcome, Code | None]:
    return receipt.outcome, Code(receipt.reason) if receipt.reason else None


async def timed(way: CaptureProcessor, item: Capture | Rejected) -> tuple[CaptureReceipt, float]:
    loop = asyncio.get_running_loop()
    came_s = loop.time()
    receipt = await way.process(item, nothing)
    return receipt, loop.time() - came_s


async def test_no_receipt_leaves_before_its_delay_is_over() -> None:
    rejected = Rejected("x", Code.CAPTURE_ID_INVALID)
    async with open_processor(embed, accept) as way:
        for item in (listed(), rejected):
            _, waited_s = await timed(way, item)
            assert waited_s >= DELAY_S


async def test_receipts_of_one_moment_leave_together(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    left_s: list[float] = []

    def noted(moment_s: float, *called: Any) -> asyncio.TimerHandle:  # the loop's own arguments
        left_s.append(moment_s)
        return call_at(moment_s, *called)

    async with open_processor(embed, accept) as way:
        call_at = loop.call_at
        monkeypatch.setattr(loop, "call_at", noted)
        await asyncio.gather(*(way.process(Rejected("x", Code.CAPTURE_ID_INVALID), nothing) for _ in range(5)))
    assert 1 <= len(left_s) <= 2, "two where they came around the end of a moment"
    moments = [seconds / module.MOMENT_S for seconds in left_s]
    assert moments == pytest.approx([round(one) for one in moments], abs=0.02, rel=0)


async def test_a_receipt_that_is_late_leaves_after_a_whole_multiple_of_the_delay() -> None:
    free = threading.Event()

    def slowly(batch: list[EmbeddedCapture]) -> list[CaptureOutcome]:
        free.wait()
        return accept(batch)

    async with open_processor(embed, slowly) as way:
        waiting = asyncio.create_task(timed(way, listed()))
        asyncio.get_running_loop().call_later(1.5 * DELAY_S, free.set)
        receipt, waited_s = await waiting
    assert said(receipt) == ACCEPTED
    assert waited_s >= 2 * DELAY_S, "the moment at which the work was done cannot be read off"


async def test_beside_a_camera_that_never_pauses_receipts_leave_in_time_though_writes_take_a_while() -> None:
    delay_s = 2.0

    async def write_slowly(_: bool) -> None:
        await asyncio.sleep(0.18 * delay_s)

    async with open_processor(embed, accept, try_write=write_slowly, delay_s=delay_s, batch=64) as way:
        waiting = []
        for _ in range(60):
            waiting.append(asyncio.create_task(timed(way, stranger())))
            await asyncio.sleep(delay_s / 30)
        waited_s = [seconds for _, seconds in await asyncio.gather(*waiting)]
    assert max(waited_s) < 1.5 * delay_s


async def test_credit_comes_back_before_anything_was_decided() -> None:
    free, taken = threading.Event(), asyncio.Event()

    def when_free(batch: list[EmbeddedCapture]) -> list[CaptureOutcome]:
        free.wait()
        return accept(batch)

    async with open_processor(embed, when_free) as way:
        waiting = way.process(listed(), taken.set)
        await asyncio.wait_for(taken.wait(), 20)
        assert not free.is_set()
        free.set()
        await waiting


async def test_a_repeated_capture_gets_its_receipt_no_sooner_remembered_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 1)
    first, last = listed(), stranger()
    async with open_processor(embed, accept) as way:
        for item in (first, last, last, first):
            receipt, waited_s = await timed(way, item)
            assert said(receipt) == ACCEPTED
            assert waited_s >= DELAY_S


async def test_a_database_that_is_away_gives_retry_to_all_alike_until_it_is_well() -> None:
    database = Database()
    async with open_processor(embed, database.decide, try_write=database.write) as way:
        database.away = True
        for _ in range(3):
            found = await asyncio.gather(*(way.process(item, nothing) for item in (listed(), stranger())))
            assert [said(receipt) for receipt in found] == [AWAY, AWAY]
        assert said(await way.process(stranger(), nothing)) == AWAY
        database.away = False
        large = database.large_writes
        late = stranger()
        while (receipt := await way.process(late, nothing)).outcome is CaptureOutcome.RETRY:
            pass
        assert said(receipt) == ACCEPTED
        assert database.large_writes > large, "it counts as well only when it has taken as much as an alert"


async def test_one_alert_that_cannot_be_committed_gives_retry_to_all_who_wait() -> None:
    """The other writes succeed: a disk that is all but full, or a defect."""
    database = Database()
    database.away = True

    async def write(_: bool) -> None:
        return

    async with open_processor(embed, database.decide, try_write=write) as way:
        before = [way.process(stranger(), nothing) for _ in range(3)]
        await asyncio.sleep(0)
        receipts = [await way.process(listed(), nothing), *await asyncio.gather(*before)]
    assert {said(receipt) for receipt in receipts} == {AWAY}


async def test_nobody_is_told_accepted_while_a_database_hangs() -> None:
    """Neither who alerted and hangs with it, nor who had nothing to commit."""
    free, hung = threading.Event(), asyncio.Event()

    def decide(batch: list[EmbeddedCapture]) -> list[CaptureOutcome | Exception]:
        if any(item.capture.passage.endswith("listed") for item in batch):
            free.wait()
            return [CekalwatchError(Code.STORAGE_UNAVAILABLE) for _ in batch]
        return [CaptureOutcome.ACCEPTED for _ in batch]

    async def hang(_: bool) -> None:
        hung.set()
        await asyncio.to_thread(free.wait)
        raise CekalwatchError(Code.STORAGE_UNAVAILABLE)

    async with open_processor(embed, decide, try_write=hang) as way:
        waiting = {way.process(item, nothing) for item in (stranger(), listed(), stranger())}
        await hung.wait()
        done, _ = await asyncio.wait(waiting, timeout=5 * DELAY_S)
        assert not done
        free.set()
        assert {said(receipt) for receipt in await asyncio.gather(*waiting)} == {AWAY}


async def test_what_a_capture_lacks_is_told_of_it_alone() -> None:
    def refuse(captures: list[Capture]) -> list[Probe | Exception]:
        return [CekalwatchError(Code.CROP_DAMAGED) if one.jpeg == b"bad" else embed([one])[0] for one in captures]

    async with open_processor(refuse, accept) as way:
        bad, good = await asyncio.gather(
            way.process(capture(capture_id=str(uuid6.uuid7()), jpeg=b"bad"), nothing), way.process(stranger(), nothing)
        )
    assert said(bad) == (CaptureOutcome.REJECTED, Code.CROP_DAMAGED)
    assert said(good) == ACCEPTED
