"""A centre that was taken over and floods its port costs it bounded time and memory, and cameras there go on.

The port is the real one, with its own connectors; the centre speaks the real protocol, in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice, repeat
from pathlib import Path

import psutil
import pytest

from cekalwatch.server.grpc_api.clients import report_stream
from cekalwatch.server.grpc_api.clients.report_stream import MAX_PICTURES_WAITING, PictureGiver
from cekalwatch.server.storage.ports.followings import ReportedLog
from cekalwatch.server.watchlist.sources.centre import following
from cekalwatch.server.watchlist.sources.centre.following import CentreFollower
from cekalwatch.server.watchlist.sources.centre.records import MAX_PIECES, photographs
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured
from cekalwatch.v1 import list_feed_service_pb2 as feed
from cekalwatch.v1 import port_pb2
from cekalwatch.v1 import port_service_pb2 as pb
from cekalwatch.wire.identity import DeviceRole
from tests.support.fakes.flooding_centre import ANSWERS
from tests.support.repository import ROOT
from tests.support.scenarios.centre import Centre, port_of
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.server import CaptureClient, face
from tests.support.scenarios.sign_in import becomes
from tests.support.tools.counted_calls import counted_calls

WAIT_S = 60.0
FLOOD_S = 4.0
SLACK = 40.0
WINDOW_BYTES = 65_535
"""Of HTTP/2: what is on its way to who reads nothing."""
MOST_GROWN = 150_000_000
"""Bytes by which the port may grow, with the cameras' faces that it takes meanwhile."""


@dataclass
class Flood:
    """A centre that floods, once it is told the key of an alert."""

    process: asyncio.subprocess.Process
    address: str
    sent: Counter[str] = field(default_factory=Counter)

    def begin(self, alert_id: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{alert_id}\n".encode())


@asynccontextmanager
async def flooding(centre: Centre, how: str) -> AsyncIterator[Flood]:
    """Run a centre that floods with the certificate of `centre`; what it has sent is known at the end."""
    command = ("-m", "tests.support.fakes.flooding_centre", str(centre.site.folder / "tls"), how)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdin=pipe, stdout=pipe)
    try:
        assert process.stdout
        flood = Flood(process, f"127.0.0.1:{int(await process.stdout.readline())}")
        yield flood
        told, _ = await process.communicate(b"")
        flood.sent.update(json.loads(told))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def dealt_with(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many messages of the centre the port has dealt with."""
    return counted_calls(monkeypatch, (ReportedLog, "acknowledge"), (PictureGiver, "answer"), (CentreFollower, "_take"))


async def receipts(port: PortOffice, seconds: float) -> list[float]:
    """Let a camera of the port send faces for so long; return how long each took, in seconds."""
    took = []
    files, until_s = port.site.device(DeviceRole.CAMERA, "arr-1"), time.monotonic() + seconds
    async with port.site.dialer(port.address, files).aio_channel() as channel:
        camera = await CaptureClient.open(channel, "arr-1")
        while (begun_s := time.monotonic()) < until_s:
            assert await camera.receipt(face()) == ("ACCEPTED", "")
            took.append(time.monotonic() - begun_s)
        camera.call.cancel()
    return took


@pytest.mark.slow
@pytest.mark.parametrize(("how", "at_once"), [("endless", ANSWERS / 4), ("short", ANSWERS)])
async def test_a_centre_that_floods_is_read_at_a_bounded_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dealt_with: Counter[str], how: str, at_once: float
) -> None:
    monkeypatch.setattr(report_stream, "MAX_ANSWERS", float(at_once))
    monkeypatch.setattr(report_stream, "ANSWERS_PER_S", 5.0)  # a busy machine does some 80 a second without a pace
    centre = Centre(tmp_path / "centre")
    async with asyncio.timeout(WAIT_S), flooding(centre, how) as flood:
        port = port_of(tmp_path / "port", centre, flood.address)
        async with port.open():
            flood.begin(await port.raise_alert())

            async def floods() -> bool:
                return bool(dealt_with["answer"] and dealt_with["_take"])

            await becomes(floods)
            held, begun_s = psutil.Process().memory_info().rss, time.monotonic()
            took = await receipts(port, FLOOD_S)
            grown, seconds = psutil.Process().memory_info().rss - held, time.monotonic() - begun_s
            answers, news = dealt_with["acknowledge"] + dealt_with["answer"], dealt_with["_take"]
    assert took
    assert SLACK < answers <= at_once + report_stream.ANSWERS_PER_S * seconds + SLACK
    assert SLACK < news <= following.MAX_NEWS + following.NEWS_PER_S * seconds + SLACK
    assert flood.sent["pages"] < SLACK, "pages of nothing were read on and on"
    assert grown < MOST_GROWN


@pytest.mark.slow
async def test_few_pictures_wait_for_a_centre_that_does_not_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_stream, "MAX_PICTURES", 1000.0)  # one that was asked for little before
    given = list[int]()
    whole = PictureGiver.answer

    async def answer(giver: PictureGiver, asked: port_pb2.PictureRequest) -> pb.ReportAlertsRequest:
        found = await whole(giver, asked)
        given.append(len(found.picture.probe_jpeg))
        return found

    monkeypatch.setattr(PictureGiver, "answer", answer)
    centre = Centre(tmp_path / "centre")
    async with asyncio.timeout(WAIT_S), flooding(centre, "endless") as flood:
        port = port_of(tmp_path / "port", centre, flood.address)
        async with port.open():
            flood.begin(await port.raise_alert())

            async def begun() -> bool:
                return any(given)

            await becomes(begun)
            assert await receipts(port, FLOOD_S)
    pictures = [size for size in given if size]
    on_their_way = WINDOW_BYTES // pictures[0] + 2
    assert len(pictures) <= MAX_PICTURES_WAITING + on_their_way


def test_photographs_come_in_as_many_pieces_as_there_may_be() -> None:
    piece = feed.FetchReferencesResponse()
    piece.reference.reference_id = "R-1"
    with pytest.raises(SourceMisconfigured, match="too many pieces"):
        photographs([], islice(repeat(piece), MAX_PIECES + 1), "model-1")
