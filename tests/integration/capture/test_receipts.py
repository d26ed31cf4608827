"""What a camera learns of the list from its receipts, over the real stream: nothing (domain rule 13)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from cekalwatch.server.capture import processing
from cekalwatch.server.capture.credit_window import FIRST_CREDITS
from cekalwatch.v1 import capture_pb2
from tests.support.builders.portraits import group
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, running, settings

ACCEPTED = ("ACCEPTED", "")
EACH = 60
DELAY_S = 0.25


@pytest.mark.slow
async def test_a_repeated_capture_gets_the_receipt_of_a_new_one_after_a_restart_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processing, "MAX_REMEMBERED", 1)
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    captures = [face(track="listed"), face(group(), track="stranger")]
    for _ in range(2):
        async with running(chosen) as server:
            camera = await CaptureClient.open(server.channel)
            for capture in captures * 2:
                assert await camera.receipt(capture) == ACCEPTED


@pytest.mark.slow
async def test_receipts_of_listed_and_other_travellers_cannot_be_told_apart(tmp_path: Path) -> None:
    chosen = settings(tmp_path, receipt_delay_seconds=DELAY_S, grouping_window_seconds=0)
    list_astronaut(chosen)
    kinds = {"listed": face(), "stranger": face(group())}
    waits: dict[str, list[float]] = {name: [] for name in kinds}
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    async with running(chosen) as server:
        camera = await CaptureClient.open(server.channel)
        for number in range(EACH):
            sent = {}
            for name, template in sorted(kinds.items(), reverse=bool(number % 2)):
                capture = capture_pb2.FaceCapture()
                capture.CopyFrom(template)
                capture.capture_id, capture.track_id = face().capture_id, f"{name}-{number}"
                sent[capture.capture_id] = name, time.perf_counter()
                await camera.send(capture)
                await asyncio.sleep(0.02)  # the pace of a camera
            while sent:
                for receipt in await camera.receipts(1):
                    name, sent_s = sent.pop(receipt.capture_id)
                    waits[name].append(time.perf_counter() - sent_s)
                    outcomes[name][capture_pb2.CaptureOutcome.Name(receipt.outcome)] += 1
    assert outcomes["listed"] == outcomes["stranger"] == Counter(CAPTURE_OUTCOME_ACCEPTED=EACH)
    assert min(min(found) for found in waits.values()) >= DELAY_S
    # Loose, for a busy machine; benchmarks/security/receipts.py compares the distributions.
    listed, stranger = (sorted(found)[EACH // 2] for found in waits.values())
    assert abs(listed - stranger) < DELAY_S


@pytest.mark.slow
async def test_credits_come_back_before_the_receipts_and_those_of_a_camera_that_has_some_with_them(
    tmp_path: Path,
) -> None:
    async with running(settings(tmp_path, receipt_delay_seconds=5)) as server:
        camera = await CaptureClient.open(server.channel)
        for number in range(FIRST_CREDITS + 1):
            if number == FIRST_CREDITS:  # all are spent: at least one has to come back
                first = (await camera.call.read()).receipts
            await camera.send(face(track=str(number)))
        assert not first.receipts, "a camera does not wait for receipts"
        messages = [first]
        while sum(len(message.receipts) for message in messages) < FIRST_CREDITS + 1:
            messages.append((await camera.call.read()).receipts)
    given = sum(message.credits for message in messages)
    assert given > FIRST_CREDITS + 1, "a camera that used all gets more"
    assert sum(not message.receipts for message in messages) <= FIRST_CREDITS
