"""What one camera's receipts cost while another one sends pictures that a decoder would take seconds for.

    python -m benchmarks.security.scan_bombs [receipts]

The hostile camera sends progressive JPEGs of 40 kB and 3,100 scans that change nothing, and baseline ones that repeat
their scans, as fast as its 32 credits allow, again and again. The other one sends a face every quarter of a second. A
receipt leaves `receipt_delay_s` after its capture came (ADR 11), or a whole multiple of it, so the figure is what a
receipt took beyond that delay: one that waited for a decoder would show as half a second more at once.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.security.receipts import OTHER, Answer, Camera, fresh
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import capture_pb2
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.builders.jpegs import repeated_scans, scan_bomb
from tests.support.scenarios.server import face, list_astronaut, settings
from tests.support.tools.packs import light_pack

RECEIPTS = 200
PACE_S = 0.25
BOMBS_A_CONNECTION = 500
CAMERA, HOSTILE = "dep-1", "dep-2"
REJECTED = capture_pb2.CAPTURE_OUTCOME_REJECTED


def bombs() -> list[capture_pb2.FaceCapture]:
    """Return captures of 40 kB, one of each kind."""
    return [face(jpeg=made) for made in (scan_bomb(1_000, 1_000, 3_100), repeated_scans(1_000, 1_000, 3_950))]


async def attack(address: str, kinds: list[capture_pb2.FaceCapture], answers: list[Answer]) -> None:
    """Send bombs until it is cancelled."""
    while True:
        async with Camera.connected(address, HOSTILE) as hostile:
            turns = itertools.islice(itertools.cycle(kinds), BOMBS_A_CONNECTION)
            try:
                await hostile.send([(OTHER, fresh(one)) for one in turns], 0.0, 0)
            finally:
                answers += hostile.answers[OTHER]


async def receipts(address: str, count: int) -> list[Answer]:
    """Send as many faces, and return what came back."""
    template = face()
    async with Camera.connected(address, CAMERA) as camera:
        await camera.send([(OTHER, fresh(template)) for _ in range(count)], PACE_S, 1)
        return camera.answers[OTHER]


async def beside_bombs(address: str, count: int, refused: list[Answer]) -> list[Answer]:
    """Return the receipts of the other camera during the attack."""
    attacking = asyncio.create_task(attack(address, bombs(), refused))
    try:
        return await receipts(address, count)
    finally:
        attacking.cancel()
        await asyncio.gather(attacking, return_exceptions=True)


def beyond_ms(answers: list[Answer], delay_s: float) -> list[float]:
    """Return what receipts took beyond the delay that all have, in order."""
    return sorted((one.delay_s - delay_s) * 1000 for one in answers)


def measure(count: int = RECEIPTS) -> dict[str, float]:
    """Return the 95th percentile beside bombs, and without them."""
    refused: list[Answer] = []
    delay_s: float = ServerSettings.model_fields["receipt_delay_s"].default
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        list_astronaut(settings(folder / "server"))
        cameras = (CameraPlan(CAMERA), CameraPlan(HOSTILE, counter="D2"))
        config = StackConfig(
            folder,
            light_pack().parent,
            cameras,
            model_pack="light",
            transport=Transport.PLAINTEXT,
            settings={"threshold": 0.45},
        )
        with Stack(config) as stack:
            quiet = beyond_ms(asyncio.run(receipts(stack.address, count)), delay_s)
            found = beyond_ms(asyncio.run(beside_bombs(stack.address, count, refused)), delay_s)
    if not refused or any(one.outcome != REJECTED for one in refused):
        raise RuntimeError("not all bombs were rejected")
    return {
        "security.scan_bomb_other_camera_p95_ms": round(found[int(0.95 * len(found))], 1),
        "security.scan_bomb_other_camera_p50_ms": round(statistics.median(found), 1),
        "security.scan_bomb_without_p95_ms": round(quiet[int(0.95 * len(quiet))], 1),
        "security.scan_bombs_a_second": round(len(refused) / (count * PACE_S), 1),
    }


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else RECEIPTS))
