"""What a camera's receipts cost while another one sends pictures that take a decoder seconds.

    python -m benchmarks.security.scan_bombs [receipts]

The hostile camera sends JPEGs of 40 kB with 3,100 scans that change nothing, and ones that repeat their scans, as fast
as its 32 credits allow. The other one sends a face every quarter of a second. The figure is what a receipt takes beyond
its fixed delay, `receipt_delay_seconds` or a multiple of it (ADR 11).
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.security.bombing import HOSTILE
from benchmarks.security.receipts import OTHER, Answer, Camera, fresh
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import capture_pb2
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.scenarios.server import face, list_astronaut, settings
from tests.support.tools.packs import light_pack

RECEIPTS = 200
PACE_S = 0.25
CAMERA = "dep-1"
REJECTED = capture_pb2.CaptureOutcome.Name(capture_pb2.CAPTURE_OUTCOME_REJECTED)


async def receipts(address: str, count: int) -> list[Answer]:
    """Send as many faces, and return what came back."""
    template = face()
    async with Camera.connected(address, CAMERA) as camera:
        await camera.send([(OTHER, fresh(template)) for _ in range(count)], PACE_S, 1)
        return camera.answers[OTHER]


async def beside_bombs(address: str, count: int) -> tuple[list[Answer], dict[str, int]]:
    """Return the receipts of the other camera during the attack, and how many bombs got which outcome."""
    command = (sys.executable, "-m", "benchmarks.security.bombing", address)
    attack = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert attack.stdout
    await attack.stdout.readline()  # it has begun
    found = await receipts(address, count)
    outcomes: dict[str, int] = json.loads((await attack.communicate(b""))[0])  # which ends its input
    return found, outcomes


def beyond_ms(answers: list[Answer], delay_s: float) -> list[float]:
    """Return what receipts took beyond the delay that all have, in order."""
    return sorted((one.delay_s - delay_s) * 1000 for one in answers)


def measure(count: int = RECEIPTS) -> dict[str, float]:
    """Return the 95th percentile beside bombs, and without them."""
    delay_s: float = ServerSettings.model_fields["receipt_delay_seconds"].default
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
            answers, outcomes = asyncio.run(beside_bombs(stack.address, count))
            found = beyond_ms(answers, delay_s)
    if set(outcomes) != {REJECTED}:
        raise RuntimeError(f"not all bombs were rejected: {outcomes}")
    return {
        "security.scan_bomb_other_camera_p95_ms": round(found[int(0.95 * len(found))], 1),
        "security.scan_bomb_other_camera_p50_ms": round(statistics.median(found), 1),
        "security.scan_bomb_without_p95_ms": round(quiet[int(0.95 * len(quiet))], 1),
        "security.scan_bombs_a_second": round(outcomes[REJECTED] / (count * PACE_S), 1),
    }


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else RECEIPTS))
