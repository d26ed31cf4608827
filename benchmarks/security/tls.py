"""What certificates and authorisation cost: the same load with them, and in plaintext on loopback.

    python -m benchmarks.security.tls

Two servers run at once, each on THREADS threads, and are loaded in turn; the figures are medians of the pairs. On a
busy machine the server's processor time for a face says more than its faces a second.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.recognition.server_throughput import (
    PACK,
    STREAMS,
    THREADS,
    WARM_UP,
    captures,
    dialers,
    load,
)
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.runtime import limit_native_threads
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport

FACES = 600
PAIRS = 7


def measure() -> dict[str, float]:
    """Return `security.tls_overhead`, the share of throughput that is lost, and what is behind it."""
    limit_native_threads(1)
    faces = captures(open_engine(load_pack(PACK), threads=1))
    cameras = tuple(CameraPlan(f"camera-{number}", f"C{number}") for number in range(STREAMS))
    rates: dict[Transport, list[float]] = {transport: [] for transport in Transport}
    cpu_ms: dict[Transport, list[float]] = {transport: [] for transport in Transport}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as running:
        connected, servers = {}, {}
        for transport in Transport:
            folder = Path(temporary) / transport
            config = StackConfig(folder, PACK.parent, cameras, transport=transport, settings={"threads": THREADS})
            stack = running.enter_context(Stack(config))
            connected[transport] = dialers(stack)
            servers[transport] = psutil.Process(stack.server.pid)
            asyncio.run(load(connected[transport], faces, WARM_UP))
        for pair in range(PAIRS):
            # Whoever goes second may find the machine warmer, or busier: they take turns in that too.
            for transport in sorted(Transport, reverse=bool(pair % 2)):
                before = sum(servers[transport].cpu_times()[:2])
                rates[transport].append(asyncio.run(load(connected[transport], faces, FACES)))
                cpu_ms[transport].append((sum(servers[transport].cpu_times()[:2]) - before) / FACES * 1000)
    kept = _median_ratio(rates[Transport.TLS], rates[Transport.PLAINTEXT])
    return {
        "security.tls_cpu_overhead": round(_median_ratio(cpu_ms[Transport.TLS], cpu_ms[Transport.PLAINTEXT]) - 1, 3),
        "security.tls_cpu_ms_per_face": round(statistics.median(cpu_ms[Transport.TLS]), 2),
        "security.plaintext_cpu_ms_per_face": round(statistics.median(cpu_ms[Transport.PLAINTEXT]), 2),
        "security.tls_faces_per_s": round(statistics.median(rates[Transport.TLS]), 1),
        "security.plaintext_faces_per_s": round(statistics.median(rates[Transport.PLAINTEXT]), 1),
        "security.tls_overhead": round(1 - kept, 3),
    }


def _median_ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


if __name__ == "__main__":
    print(measure())
