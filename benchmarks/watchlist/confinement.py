"""What the confined processes cost: the start of one, and a photograph decoded there instead of in the server.

    python -m benchmarks.watchlist.confinement [PHOTOGRAPHS]

The photograph is drawn, with 250 pixels a side: small ones show the cost best.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from contextlib import closing
from typing import Final

import numpy as np
import psutil
from PIL import Image

from cekalwatch.program.confined.pool import MAX_CONVERSATIONS
from cekalwatch.server.recognition.photographs import PhotographDecoder, decode_photograph

PHOTOGRAPHS: Final = MAX_CONVERSATIONS - 2
"""With the one before them, one less than end a process: its processor time is read afterwards."""
STARTS: Final = 5
SIDE: Final = 250


def measure(photographs: int = PHOTOGRAPHS) -> dict[str, float]:
    """Return the figures `watchlist.confined_…`."""
    pixels = np.random.default_rng(14).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    data = file.getvalue()
    process = psutil.Process()
    starts = [_start_s(data) for _ in range(STARTS)]
    with closing(PhotographDecoder(1)) as decoder:
        decoder.decode(data)
        (child,) = process.children()
        began, processor = time.perf_counter(), time.process_time() + _used(child)
        for _ in range(photographs):
            decoder.decode(data)
        confined = time.perf_counter() - began, time.process_time() + _used(child) - processor
        memory = child.memory_info().rss
    began, processor = time.perf_counter(), time.process_time()
    for _ in range(photographs):
        decode_photograph(data)
    here = time.perf_counter() - began, time.process_time() - processor
    return {
        "watchlist.confined_start_ms": round(1000 * statistics.median(starts), 1),
        "watchlist.confined_photograph_ms": round(1000 * confined[0] / photographs, 2),
        "watchlist.confined_photograph_more_ms": round(1000 * (confined[0] - here[0]) / photographs, 2),
        "watchlist.confined_photograph_more_cpu_ms": round(1000 * (confined[1] - here[1]) / photographs, 2),
        "watchlist.confined_memory_mb": round(memory / 1e6, 1),
    }


def _start_s(data: bytes) -> float:
    with closing(PhotographDecoder(1)) as decoder:
        began = time.perf_counter()
        decoder.decode(data)
        return time.perf_counter() - began


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else PHOTOGRAPHS))
