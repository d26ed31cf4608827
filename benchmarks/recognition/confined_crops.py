"""What it costs that crops are decoded and aligned in confined processes instead of in the server.

    python -m benchmarks.recognition.confined_crops [ROUNDS]

Two threads take batches of eight crops, as the server's do that embed: in turn from confined processes, and in this
process. The crops are scikit-image's astronaut at sizes that cameras see, and one of the largest that they send. The
figures are medians of the rounds: time on the clock and processor time of all processes for a crop, and what both are
more than here.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import psutil

from benchmarks.recognition.server_throughput import LANDMARKS, PACK, captures
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.recognition.crop_decoder import CropDecoder
from cekalwatch.server.recognition.crops import aligned_face, probe_jpeg
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.manifest import load_pack
from tests.support.builders.alerts import capture

ROUNDS: Final = 9
BATCH: Final = 8
THREADS: Final = 2
BATCHES: Final = 40
"""Of each thread in a round."""
LARGEST_SIDE: Final = 640
ALERTS: Final = 40

Take = Callable[[Sequence[Capture]], object]


def crops() -> list[Capture]:
    """Return crops of usual sizes."""
    found = []
    for one in captures(open_engine(load_pack(PACK), threads=1)):
        points = tuple((getattr(one.landmarks, name).x, getattr(one.landmarks, name).y) for name in LANDMARKS)
        found.append(replace(capture(jpeg=one.jpeg), landmarks=points))
    return found


def largest(crop: Capture) -> Capture:
    """Return the crop at the largest size that cameras send."""
    picture = cv2.imdecode(np.frombuffer(crop.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    scale = LARGEST_SIDE / max(picture.shape[:2])
    jpeg = cv2.imencode(".jpg", cv2.resize(picture, None, fx=scale, fy=scale), [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    return replace(crop, jpeg=jpeg.tobytes(), landmarks=tuple((x * scale, y * scale) for x, y in crop.landmarks))


def here(batch: Sequence[Capture]) -> object:
    """Do in this process what the confined ones do."""
    return [aligned_face(one.jpeg, np.array(one.landmarks, np.float32)) for one in batch]


def round_ms(take: Take, batch: Sequence[Capture]) -> tuple[float, float]:
    """Return milliseconds for a crop, on the clock of a thread and of processors."""
    threads = [threading.Thread(target=lambda: [take(batch) for _ in range(BATCHES)]) for _ in range(THREADS)]
    began_s, processor_s = time.perf_counter(), processors_s()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s, processor_s = time.perf_counter() - began_s, processors_s() - processor_s
    count = BATCHES * len(batch)
    return 1000 * took_s / count, 1000 * processor_s / (count * THREADS)


def processors_s() -> float:
    """Return the processor time of this process and its children."""
    files = [Path(f"/proc/{one.pid}/schedstat") for one in psutil.Process().children()]
    # In nanoseconds; what psutil tells is in hundredths of a second.
    return time.process_time() + sum(int(file.read_text("ascii").split()[0]) for file in files) / 1e9


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Return the figures `recognition.confined_crop…`."""
    usual = crops()
    kinds = {"crop": (usual * 2)[:BATCH], "largest_crop": [largest(usual[-1])] * BATCH}
    figures: dict[str, float] = {}
    with closing(CropDecoder(THREADS + 1)) as decoder:
        decoder.faces(usual)
        while len(children := psutil.Process().children()) <= THREADS:
            time.sleep(0.1)
        for name, batch in kinds.items():
            assert all(isinstance(one, np.ndarray) for one in decoder.faces(batch))
            pairs = [(round_ms(decoder.faces, batch), round_ms(here, batch)) for _ in range(rounds)]
            confined, bare = zip(*pairs, strict=True)
            for at, unit in enumerate(("ms", "cpu_ms")):
                more = [one[at] - other[at] for one, other in pairs]
                figures[f"recognition.confined_{name}_{unit}"] = round(statistics.median(c[at] for c in confined), 3)
                figures[f"recognition.bare_{name}_{unit}"] = round(statistics.median(b[at] for b in bare), 3)
                figures[f"recognition.confined_{name}_more_{unit}"] = round(statistics.median(more), 3)
            figures[f"recognition.confined_probe_of_{name}_more_ms"] = round(
                timed(partial(decoder.probe, batch[0])) - timed(partial(probe_jpeg, batch[0].jpeg)), 3
            )
        figures["recognition.confined_crops_memory_mb"] = round(max(one.memory_info().rss for one in children) / 1e6, 1)
        figures["recognition.confined_crops_unique_memory_mb"] = round(
            sum(one.memory_full_info().uss for one in children) / 1e6, 1
        )
    return figures


def timed(take: Callable[[], object]) -> float:
    """Return the median time in milliseconds."""
    found = []
    for _ in range(ALERTS):
        began_s = time.perf_counter()
        take()
        found.append(1000 * (time.perf_counter() - began_s))
    return statistics.median(found)


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
