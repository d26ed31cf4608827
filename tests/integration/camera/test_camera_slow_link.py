"""A camera whose crops are more than its link of 64 kB/s carries: what is sent, what is dropped, and how late it is."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.uplink.stream import CameraEnd
from cekalwatch.camera.uplink.uplink import Link, Uplink
from cekalwatch.contract.values.captures import CameraHello, FaceCapture
from cekalwatch.v1 import capture_pb2
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.camera import capture_of
from tests.support.fakes.capture_server import ACCEPTED, CaptureServer, serving
from tests.support.fakes.slow_link import SlowLink, slowed
from tests.support.scenarios.spools import SpooledOutbox

pytestmark = pytest.mark.slow

LINK_BYTES_PER_S = 64_000
CROP_BYTES = 12_000
"""What a crop of a face of about 100 pixels has."""
CROPS_EACH = 5


@dataclass
class Crowd:
    """People who stand before one camera, and the crops that it takes of them in turn."""

    chance: random.Random
    taken: dict[str, list[FaceCapture]] = field(default_factory=lambda: defaultdict(list))
    """By track."""
    at_s: dict[str, float] = field(default_factory=dict)
    """When each crop was taken, by its id; seconds of the event loop."""

    async def pass_by(self, spooled: SpooledOutbox, people: range, crops_per_s: float) -> None:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        for number, (_, person) in enumerate((turn, person) for turn in range(CROPS_EACH) for person in people):
            await asyncio.sleep(begun_s + number / crops_per_s - loop.time())
            shot = capture_of(str(person), round(self.chance.uniform(0.2, 1), 4), SystemClock().now())
            crop = dataclasses.replace(shot, jpeg=os.urandom(CROP_BYTES))
            self.taken[crop.track_id].append(crop)
            self.at_s[crop.capture_id] = loop.time()
            spooled.outbox.put(crop)

    @property
    def best(self) -> set[str]:
        """The best shot of each track."""
        return {max(crops, key=lambda crop: crop.quality.score).capture_id for crops in self.taken.values()}


class Arrivals:
    """Notes when each face came to the server."""

    def __init__(self) -> None:
        self.at_s: dict[str, float] = {}

    def __call__(self, face: capture_pb2.FaceCapture) -> capture_pb2.CaptureOutcome.ValueType:
        self.at_s[face.capture_id] = asyncio.get_running_loop().time()
        return ACCEPTED


@asynccontextmanager
async def sending(spooled: SpooledOutbox, link: SlowLink) -> AsyncIterator[None]:
    stop, clock = asyncio.Event(), SystemClock()
    uplink = Uplink(
        Link(Dialer(link.address, None), CameraHello("gate-1", str(uuid.uuid4()), "light")),
        CameraEnd(spooled.outbox, CameraStatistics(spooled.outbox, clock, lambda: spooled.spooler.state)),
        lambda _: None,
        Backoff(first_s=0.05, most_s=0.2),
    )
    running = asyncio.create_task(uplink.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)


async def emptied(spooled: SpooledOutbox) -> None:
    await asyncio.to_thread(spooled.until, lambda: spooled.outbox.statistics().depth == 0)


async def test_of_more_than_the_link_carries_the_best_shot_of_each_passage_arrives_and_drops_are_told(
    tmp_path: Path,
) -> None:
    """Forty crops in two seconds, of which the link carries eleven and memory and disk hold fifteen."""
    arrivals, crowd = Arrivals(), Crowd(random.Random(5))  # noqa: S311  # scores, no secrets
    capture_of("nobody")  # the first one takes a second, to load the picture
    spooled = SpooledOutbox(tmp_path, SystemClock(), size=8, most_bytes=7 * (CROP_BYTES + 1_000), spill_after_s=0.5)
    server = CaptureServer(arrivals, granted=32)
    async with serving(server), slowed(server.port, LINK_BYTES_PER_S) as link:
        with spooled.running():
            async with sending(spooled, link):
                await crowd.pass_by(spooled, range(8), crops_per_s=20)
                await emptied(spooled)
            drops = spooled.outbox.statistics().drops
    assert crowd.best <= arrivals.at_s.keys()
    assert len(server.heard.ids) == len(set(server.heard.ids))
    assert drops.total == drops.no_room == len(crowd.at_s) - len(arrivals.at_s)
    assert drops.total >= 10, "the link was not too narrow"
    assert server.heard.heartbeats[-1].dropped_total == server.heard.heartbeats[-1].drops.no_room == drops.total
    assert server.heard.beyond_credit == 0


async def test_a_backlog_does_not_hold_up_who_passes_now(tmp_path: Path) -> None:
    """After an outage: thirty crops wait, and people keep passing at half of what the link carries."""
    arrivals, crowd = Arrivals(), Crowd(random.Random(5))  # noqa: S311  # scores, no secrets
    spooled = SpooledOutbox(tmp_path, SystemClock(), spill_after_s=0.2)
    server = CaptureServer(arrivals, granted=32)
    with spooled.running():
        for number in range(30):
            shot = capture_of(f"earlier {number}", captured_at=SystemClock().now())
            spooled.outbox.put(dataclasses.replace(shot, jpeg=os.urandom(CROP_BYTES)))
        await asyncio.to_thread(spooled.until, lambda: len(spooled.ids_on_disk) == 30)
        await asyncio.sleep(2)  # what has waited for two seconds is no longer live
        async with serving(server), slowed(server.port, LINK_BYTES_PER_S) as link, sending(spooled, link):
            await crowd.pass_by(spooled, range(2), crops_per_s=2.5)
            await emptied(spooled)
    assert len(arrivals.at_s) == 40
    backlog = [at_s for key, at_s in arrivals.at_s.items() if key not in crowd.at_s]
    # By what came before a crop and not by seconds, which a busy machine makes longer.
    let_by = [sum(taken_s < at_s < arrivals.at_s[key] for at_s in backlog) for key, taken_s in crowd.at_s.items()]
    last_s = max(arrivals.at_s[key] for key in crowd.at_s)
    assert median(let_by) <= 4
    assert max(let_by) <= 6
    assert sum(at_s < last_s for at_s in backlog) >= 5, "the backlog starved"
    assert spooled.outbox.statistics().drops.total == 0
