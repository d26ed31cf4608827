"""A camera that sends pictures that a decoder would take seconds for, in a process of its own.

    python -m benchmarks.security.bombing HOST:PORT

It sends until its standard input ends, and prints how often it got each outcome, as JSON. For a server of one's own in
plaintext, which has the camera HOSTILE.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections import Counter

from benchmarks.security.receipts import OTHER, Answer, Camera, fresh
from cekalwatch.v1 import capture_pb2
from tests.support.builders.jpegs import repeated_scans, scan_bomb
from tests.support.scenarios.server import face

HOSTILE = "dep-2"
BOMBS_A_CONNECTION = 500


def bombs() -> list[capture_pb2.FaceCapture]:
    """Return captures of 40 kB, one of each kind."""
    return [face(jpeg=made) for made in (scan_bomb(1_000, 1_000, 3_100), repeated_scans(1_000, 1_000, 3_950))]


async def attack(address: str, answers: list[Answer]) -> None:
    """Send bombs until it is cancelled."""
    kinds = bombs()
    while True:
        async with Camera.connected(address, HOSTILE) as hostile:
            turns = itertools.islice(itertools.cycle(kinds), BOMBS_A_CONNECTION)
            try:
                await hostile.send([(OTHER, fresh(one)) for one in turns], 0.0, 0)
            finally:
                answers += hostile.answers[OTHER]


async def until_told(address: str) -> list[Answer]:
    """Say with an empty line that it begins, and send bombs until the standard input ends; return what came back."""
    answers: list[Answer] = []
    print(flush=True)
    attacking = asyncio.create_task(attack(address, answers))
    told = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait((attacking, told), return_when=asyncio.FIRST_COMPLETED)
    if attacking.done():
        attacking.result()  # why it ended
    attacking.cancel()
    await asyncio.gather(attacking, return_exceptions=True)
    return answers


if __name__ == "__main__":
    found = asyncio.run(until_told(sys.argv[1]))
    print(json.dumps(Counter(capture_pb2.CaptureOutcome.Name(one.outcome) for one in found)))
