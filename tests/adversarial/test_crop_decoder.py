"""A decoder of crops that crashes, hangs or is taken over: it costs the crop that it had, and no stream.

What a decoder does to a marked crop is planted: the confined process runs code in place of decoding it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from cekalwatch.program.confined.pool import Ask, ConfinedPool
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition import crop_decoder
from cekalwatch.server.recognition.crop_decoder import CROP_LIMITS, MAX_ENDED, CropDecoder
from cekalwatch.server.recognition.crops import aligned_face, probe_jpeg
from cekalwatch.v1 import alert_service_pb2, alert_service_pb2_grpc
from cekalwatch.vision.faces import Picture
from tests.support.builders.alerts import ARRIVAL, capture
from tests.support.builders.jpegs import segment
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, running, settings

WAIT_S = 60.0
LANDMARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
PLANTED = {
    "crash": "__import__('os').abort()",
    "exit": "__import__('os')._exit(0)",
    "hang": "__import__('time').sleep(600)",
    "loop": "sum(1 for _ in iter(int, 1))",
    "memory": "bytes(10**9)",
    "error": "1 / 0",
    "nothing": "(a for a in [])",
    "too little": "(a for a in [bytes(100)])",
    "refusal": "((_ for _ in ()).throw(__import__('cekalwatch.program.confined.messages', fromlist=['_']).Refusal('X'))"
    " for _ in [0])",
    "too much": "(a for a in [bytes(10**7)])",
}
"""What the decoder does, by the mark of the crop."""
ONCE: list[str] = []
"""What it does to the next crop that is marked so."""
DECODER = "__import__('cekalwatch.server.recognition.crops', fromlist=['crops']).crop_answers"


class PlantedPool(ConfinedPool):
    """Decodes as the product does, except marked crops."""

    def __init__(self, function: str, *limits: Any, **more: Any) -> None:
        assert function.endswith(".crops:crop_answers")
        super().__init__("builtins:eval", *limits, **more)

    @contextmanager
    def conversation(self) -> Iterator[Ask]:
        def ask(request: bytes) -> bytes | None:
            planted = next((code for mark, code in PLANTED.items() if marker(mark) in request), "")
            if ONCE and marker("once") in request:
                planted = ONCE.pop()
            with super(PlantedPool, self).conversation() as asks:
                return asks((planted or f"{DECODER}({request!r})").encode())

        yield ask


def marker(mark: str) -> bytes:
    return segment(0xFE, b"planted " + mark.encode())


def marked(jpeg: bytes, mark: str) -> bytes:
    """A sound crop, with a comment."""
    return jpeg[:2] + marker(mark) + jpeg[2:]


def seen(mark: str = "", **facts: Any) -> Capture:
    """A capture of a face."""
    sent = face()
    points = tuple((getattr(sent.landmarks, name).x, getattr(sent.landmarks, name).y) for name in LANDMARKS)
    return replace(capture(jpeg=marked(sent.jpeg, mark) if mark else sent.jpeg), landmarks=points, **facts)


def here(one: Capture) -> Picture:
    return aligned_face(one.jpeg, np.array(one.landmarks, np.float32))


def told(found: Sequence[Picture | CekalwatchError]) -> list[str]:
    """What became of crops: "face", or a code."""
    return [one.code.name if isinstance(one, CekalwatchError) else "face" for one in found]


@pytest.fixture
def decoder() -> Iterator[CropDecoder]:
    with closing(CropDecoder(1)) as opened:
        yield opened


@pytest.fixture
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crop_decoder, "ConfinedPool", PlantedPool)
    monkeypatch.setattr(crop_decoder, "ANSWER_S", 2.0)


@pytest.fixture
def planted(_planted: None) -> Iterator[CropDecoder]:
    with closing(CropDecoder(2)) as opened:
        yield opened


def test_a_crop_is_the_same_from_a_confined_process(decoder: CropDecoder) -> None:
    good = seen()
    outside = replace(good, landmarks=tuple((x + 1_000, y) for x, y in good.landmarks))
    in_one_place = replace(good, landmarks=((20.0, 20.0),) * 5)
    found = decoder.faces([good, replace(good, jpeg=b"hello"), outside, in_one_place, good])
    assert told(found) == ["face", "CROP_NOT_JPEG", "LANDMARKS_INVALID", "LANDMARKS_INVALID", "face"]
    assert all(np.array_equal(one, here(good)) for one in (found[0], found[-1]))  # type: ignore[arg-type]  # no error
    assert decoder.probe(good) == probe_jpeg(good.jpeg)
    with pytest.raises(CekalwatchError) as refused:
        decoder.probe(replace(good, jpeg=b"hello"))
    assert refused.value.code is Code.CROP_NOT_JPEG


@pytest.mark.slow
@pytest.mark.parametrize("mark", PLANTED)
def test_what_ends_a_decoder_costs_its_crop_alone(planted: CropDecoder, mark: str) -> None:
    batch = [seen(), seen(mark), seen()]
    began_s = time.monotonic()
    assert told(planted.faces(batch)) == ["face", "CROP_DAMAGED", "face"]
    assert time.monotonic() - began_s < WAIT_S
    assert told(planted.faces([seen()])) == ["face"]


@pytest.mark.slow
@pytest.mark.usefixtures("_planted")
@pytest.mark.parametrize("mark", ["crash", "hang"])
async def test_a_decoder_that_crashes_or_hangs_takes_down_no_stream(tmp_path: Path, mark: str) -> None:
    """And somebody who is listed is found at the same camera."""
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server, asyncio.timeout(WAIT_S):
        other = await CaptureClient.open(server.channel, "arr-1")
        hostile = await CaptureClient.open(server.channel, "dep-1")
        bad = face()
        bad.jpeg = marked(bad.jpeg, mark)
        await hostile.send(bad)
        assert await other.receipt(face(track="other")) == ("ACCEPTED", "")
        (receipt,) = await hostile.receipts(1)
        assert (receipt.capture_id, receipt.reason) == (bad.capture_id, "CROP_DAMAGED")
        assert await hostile.receipt(face(track="good")) == ("ACCEPTED", "")
        stub: Any = alert_service_pb2_grpc.AlertServiceStub(server.channel)
        (alert,) = (await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts
        assert [one.camera.camera_id for one in alert.sightings] == ["dep-1"]


@pytest.mark.slow
@pytest.mark.usefixtures("_planted")
def test_a_camera_that_ends_decoders_again_and_again_waits_is_told_and_others_do_not() -> None:
    held_back = list[str]()
    bad = [seen("crash") for _ in range(MAX_ENDED + 1)]
    with closing(CropDecoder(2, held_back.append)) as planted:
        assert told(planted.faces(bad[1:])) == ["CROP_DAMAGED"] * MAX_ENDED
        assert held_back == [], "by chance it is not"
        assert told(planted.faces(bad[:1])) == ["CROP_DAMAGED"]
        found = told(planted.faces([seen(), seen("crash"), seen(camera=ARRIVAL)]))
    assert found == ["SERVER_BUSY", "SERVER_BUSY", "face"]
    assert held_back == [bad[0].camera.camera_id]


@pytest.mark.slow
def test_a_picture_of_an_alert_is_tried_once_more(planted: CropDecoder) -> None:
    good = seen("once")
    ONCE.append(PLANTED["crash"])
    assert planted.probe(good) == probe_jpeg(good.jpeg)
    assert not ONCE


@pytest.mark.slow
@pytest.mark.parametrize("mark", ["crash", "nothing", "too little", "too much"])
def test_a_decoder_that_was_taken_over_gives_officers_no_bytes_of_its_own(planted: CropDecoder, mark: str) -> None:
    """What is no plain JPEG of ours goes no further."""
    with pytest.raises(CekalwatchError) as refused:
        planted.probe(seen(mark))
    assert refused.value.code is Code.CROP_DAMAGED


@pytest.mark.slow
@pytest.mark.usefixtures("as_shipped")
def test_processes_that_somebody_ends_while_they_wait_cost_no_crop() -> None:
    others = set(psutil.Process().children())  # among them may be what forks programs for the tests of all workers
    with closing(CropDecoder(1)) as decoder:
        assert told(decoder.faces([seen()])) == ["face"]
        (process,) = set(psutil.Process().children()) - others
        os.kill(process.pid, signal.SIGKILL)
        process.wait(WAIT_S)
        assert told(decoder.faces([seen()])) == ["face"]


def test_when_no_process_can_be_started_no_crop_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crop_decoder, "CROP_LIMITS", replace(CROP_LIMITS, memory_bytes=30_000_000))
    with closing(CropDecoder(1)) as starved:
        assert told(starved.faces([seen(), seen()])) == ["SERVER_BUSY", "SERVER_BUSY"]
