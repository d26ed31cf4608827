"""What certificates and authorisation cost: the same load on a server with them and on one in plaintext on loopback.

    python -m benchmarks.security_tls

Both servers run at once, each on THREADS threads, and are loaded in turn, so that what else the machine does meets both
alike; the figure is the median over the pairs.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.server_throughput import (
    PACK,
    STREAMS,
    THREADS,
    WARM_UP,
    captures,
    dialers,
    load,
)
from cekalwatch.server.recognition.packs import open_engine
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.runtime import limit_native_threads
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport

FACES = 600
PAIRS = 7


def measure() -> dict[str, float]:
    """Return `security.tls_overhead`, the share of throughput that is lost, and the rates behind it."""
    limit_native_threads(1)
    faces = captures(open_engine(load_pack(PACK), threads=1))
    cameras = tuple(CameraPlan(f"camera-{number}", f"C{number}") for number in range(STREAMS))
    rates: dict[Transport, list[float]] = {transport: [] for transport in Transport}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as running:
        connected = {}
        for transport in Transport:
            folder = Path(temporary) / transport
            config = StackConfig(folder, PACK.parent, cameras, transport=transport, settings={"threads": THREADS})
            connected[transport] = dialers(running.enter_context(Stack(config)))
            asyncio.run(load(connected[transport], faces, WARM_UP))
        for pair in range(PAIRS):
            # Whoever goes second may find the machine warmer, or busier: they take turns in that too.
            for transport in sorted(Transport, reverse=bool(pair % 2)):
                rates[transport].append(asyncio.run(load(connected[transport], faces, FACES)))
    ratios = [tls / plain for tls, plain in zip(rates[Transport.TLS], rates[Transport.PLAINTEXT], strict=True)]
    return {
        "security.tls_faces_per_s": round(statistics.median(rates[Transport.TLS]), 1),
        "security.plaintext_faces_per_s": round(statistics.median(rates[Transport.PLAINTEXT]), 1),
        "security.tls_overhead": round(1 - statistics.median(ratios), 3),
    }


if __name__ == "__main__":
    print(measure())
