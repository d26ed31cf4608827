"""A server process with 100,000 subjects, from its start until the log says `serving`: the first time, and again.

    python -m benchmarks.recognition.server_start [SUBJECTS] [FOLDER]

The first start reads the orders of all subjects; later ones read their terms from a file. FOLDER keeps the database for
the next run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from benchmarks.recognition.faces import PACK
from benchmarks.recognition.gallery import SIZES, fill
from cekalwatch.vision.manifest import load_pack

DATABASE: Final = "cekalwatch.sqlite3"
AGAIN: Final = 3


def measure(subjects: int = SIZES["100k"], folder: Path | None = None) -> dict[str, float]:
    """Start it once without the file, and three times with it; seconds."""
    with tempfile.TemporaryDirectory() as temporary:
        site = folder or Path(temporary) / "site"
        if not (site / DATABASE).exists():
            fill(site, subjects, load_pack(PACK).model_version, DATABASE)
        (site / "order_terms.sealed").unlink(missing_ok=True)
        walls, cpus = zip(*(_started(site) for _ in range(1 + AGAIN)), strict=True)
    return {
        "server.first_start_s": walls[0],
        "server.first_start_cpu_s": cpus[0],
        "server.start_s": median(walls[1:]),
        "server.start_cpu_s": median(cpus[1:]),
    }


def _started(site: Path) -> tuple[float, float]:
    """Return the wall and the processor time of one start, and end the server in order."""
    settings = {"MODELS_DIR": str(PACK.parent.resolve()), "MODEL_PACK": PACK.name, "LISTEN": "127.0.0.1:0"}
    environment = os.environ | {f"CEKALWATCH_SERVER_{name}": value for name, value in settings.items()}
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "cekalwatch.server", "serve", "--data-dir", str(site)],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stderr
        for line in server.stderr:
            if " serving " in line or '"serving"' in line:
                break
        else:
            raise RuntimeError("the server did not start")
        took, used = time.perf_counter() - begun, psutil.Process(server.pid).cpu_times()
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)
    return took, used.user + used.system


if __name__ == "__main__":
    match sys.argv[1:]:
        case [subjects, folder]:
            found = measure(int(subjects), Path(folder))
        case [subjects]:
            found = measure(int(subjects))
        case _:
            found = measure()
    print(json.dumps(found))
