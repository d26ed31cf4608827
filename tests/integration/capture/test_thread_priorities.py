import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.server.concurrency.batching import FairQueue
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.recognition.probes import CaptureEmbedder, Probe
from tests.support.scenarios.server import CaptureClient, face, running, settings


async def test_a_travellers_first_crop_is_recognised_before_further_crops_that_came_earlier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, all_wait = threading.Semaphore(0), threading.Event()
    waiting: list[Any] = []
    found: list[str] = []
    embed, put = CaptureEmbedder.embed, FairQueue.put

    def held(self: CaptureEmbedder, captures: list[Capture]) -> Sequence[Probe | Exception]:
        if not captures[0].empty:
            found.extend(capture.capture_id for capture in captures)
            busy.release()
            all_wait.wait(30)
        return embed(self, captures)

    def noted(self: FairQueue[Any], party: Any, item: Any, precedence: int = 0) -> None:
        put(self, party, item, precedence)
        waiting.extend([item] * (isinstance(item[0], Capture) and not item[0].empty))
        if len(waiting) == 4:
            all_wait.set()

    monkeypatch.setattr(CaptureEmbedder, "embed", held)
    monkeypatch.setattr(FairQueue, "put", noted)
    faces = [face(track=track) for track in ("1", "1", "1", "2")]
    async with running(settings(tmp_path, threads=1)) as server:
        camera = await CaptureClient.open(server.channel)
        for number, one in enumerate(faces):
            await camera.send(one)
            if number < 2:  # two threads embed
                await asyncio.to_thread(busy.acquire, timeout=30)
        await camera.receipts(4)
    assert found == [faces[number].capture_id for number in (0, 1, 3, 2)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives single threads a priority")
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
