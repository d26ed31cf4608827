"""The spool on the capture host's disk: what a write costs, and how long a start takes that finds 10,000 captures.

    python -m benchmarks.camera.spool

Captures of 12 kB are written one by one, read and opened as at a start, and removed.
"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import uuid6

from cekalwatch.camera.outbox.spool import Spool
from cekalwatch.contract.values.captures import FaceCapture, FaceQuality

CAPTURES = 10_000
CROP_BYTES = 12_000


def capture() -> FaceCapture:
    """A capture with noise for a crop."""
    quality = FaceQuality(60.0, 0.0, 0.0, sharpness=0.8, brightness=0.5, score=0.7)
    now, marks = datetime.now(UTC), ((1.0, 1.0),) * 5
    return FaceCapture(str(uuid6.uuid7()), "1", now, os.urandom(CROP_BYTES), marks, 0.9, quality)


def measure() -> dict[str, float]:
    """Return times of writing, opening and removing."""
    # Not in memory, as /tmp may be.
    with tempfile.TemporaryDirectory(dir=Path.cwd() / "build") as temporary:
        folder = Path(temporary)
        spool = Spool(folder / "gate-1", folder / "spool.key", "gate-1", "bench")
        spool.open()
        writes = []
        for _ in range(CAPTURES):
            one = capture()
            began_s = time.perf_counter()
            spool.store(one)
            writes.append(time.perf_counter() - began_s)
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        ids = list(spool.sizes())
        for key in ids:
            spool.load(key)
        opened_s, opened_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        began_s = time.perf_counter()
        for key in ids:
            spool.remove(key)
        removed_s = time.perf_counter() - began_s
    return {
        "camera.spool_write_ms": round(median(writes) * 1000, 2),
        "camera.spool_open_s": round(opened_s, 2),
        "camera.spool_open_cpu_s": round(opened_cpu_s, 2),
        "camera.spool_remove_ms": round(removed_s / CAPTURES * 1000, 3),
    }


if __name__ == "__main__":
    print(measure())
