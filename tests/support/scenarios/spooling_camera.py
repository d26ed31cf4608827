"""A camera without pictures, as a process that can be killed: the client's outbox, spooler, spool and uplink.

Its arguments are CAMERA_ID ADDRESS TLS_DIR FOLDER SPILL_AFTER_S. For each line of standard input, `TRACK SCORE PERSON`
(the portrait of a listed person, or somebody else of a group), it
puts a capture and prints its id. It ends with its input.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import uuid6

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.outbox.spool import Spool, SpoolTerms
from cekalwatch.camera.outbox.spooler import Spooler
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.uplink.stream import CameraEnd
from cekalwatch.camera.uplink.uplink import Link, Uplink
from cekalwatch.contract.values.captures import CameraHello, FaceCapture
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.logs import configure_logs
from cekalwatch.vision.detectors.factory import open_pack_detector
from cekalwatch.vision.faces import Face
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.backoff import Backoff
from tests.support.builders.camera import capture_of
from tests.support.builders.portraits import group
from tests.support.repository import ROOT

LISTED = "listed"
STRANGER = "stranger"


def seen(track: str, score: str, person: str) -> FaceCapture:
    """A capture of this moment."""
    if person == LISTED:
        return capture_of(track, float(score), datetime.now(UTC))
    return capture_of(track, float(score), datetime.now(UTC), picture=group(), face=stranger())


@cache
def stranger() -> Face:
    """The first of the group, as `light` sees it. Who starts this has the pack; a camera has no modules of a server."""
    pack = load_pack(ROOT / "build" / "models" / "light")
    return open_pack_detector(pack, threads=1).detect(group())[0]


async def run(camera_id: str, address: str, tls_dir: Path, folder: Path, spill_after_s: float) -> None:
    clock, run_id = SystemClock(), str(uuid6.uuid7())
    outbox = Outbox(1_000, clock)
    terms = SpoolTerms(folder / "spool", folder / "spool.key", spill_after_s=spill_after_s)
    spooler = Spooler(outbox, Spool(terms.folder / camera_id, terms.key_file, camera_id, run_id), terms, clock)
    uplink = Uplink(
        Link(open_dialer(address, tls_dir), CameraHello(camera_id, run_id, "test")),
        CameraEnd(outbox, CameraStatistics(outbox, clock, lambda: spooler.state)),
        lambda _: None,
        Backoff(most_s=1.0),
    )
    spooler.start()
    stop = asyncio.Event()
    sending = asyncio.create_task(uplink.run(stop))
    while line := await asyncio.to_thread(sys.stdin.readline):
        capture = seen(*line.split())
        outbox.put(capture)
        print(capture.capture_id, flush=True)  # noqa: T201  # whoever started this reads it
    stop.set()
    await sending
    await asyncio.to_thread(spooler.close)


def main() -> None:
    """Run it, as the arguments say."""
    configure_logs("info")
    _, key, server, tls, place, seconds = sys.argv
    asyncio.run(run(key, server, Path(tls), Path(place), float(seconds)))
