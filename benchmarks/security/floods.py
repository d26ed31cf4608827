"""What a camera's receipts cost while somebody floods the server's transport, and what is dropped.

    python -m benchmarks.security.floods [seconds of each]

A server process with certificates, and a camera that sends a face each 200 ms. Beside it, one after another: a stranger
with a thousand idle connections, or half-open handshakes, or handshakes without a certificate as fast as they go; then
somebody with another camera's certificate who sends calls that are taken back at once, headers that never end, settings
and pings. All come from this machine's one address. The figures are the 95th percentiles of the receipts' delay
beyond `receipt_delay_s`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.alerts.starvation import GOOD, GREEDY, camera_latencies
from benchmarks.recognition.server_throughput import PACK, captures
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from tests.support.tools.floods import Flood

SECONDS = 10.0


def measure(seconds: float = SECONDS) -> dict[str, float]:
    """Return `security.flood_camera_p95_ms`, the worst of all, and what is behind it."""
    faces = captures(open_engine(load_pack(PACK), threads=1))
    cameras = (CameraPlan(GOOD), CameraPlan(GREEDY, "D2"))
    delay_s = ServerSettings.model_fields["receipt_delay_s"].default
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        config = StackConfig(folder=Path(temporary), models=PACK.parent, cameras=cameras, settings={"threads": 2})
        with Stack(config) as stack:
            good = stack.dialer(DeviceRole.CAMERA, GOOD)
            folder = stack.certificate(DeviceRole.CAMERA, GREEDY)
            for kind in (None, *Flood):
                name, process = "alone", None
                if kind is not None:
                    name = kind.value
                    command = ("-m", "tests.support.tools.floods", name, stack.address, str(folder), str(seconds + 2))
                    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE)
                    time.sleep(2)
                found = asyncio.run(camera_latencies(good, faces, time.perf_counter() + seconds))
                beyond = (np.asarray(found) - delay_s) * 1000
                figures[f"security.flood_{name}_camera_p95_ms"] = round(float(np.percentile(beyond, 95)), 1)
                if process:
                    came = json.loads(process.communicate()[0])
                    figures[f"security.flood_{name}_connections"] = came["connections"]
                    figures[f"security.flood_{name}_dropped"] = came["dropped"]
                    figures[f"security.flood_{name}_sent_mb"] = round(came["bytes_sent"] / 1e6, 1)
            figures["security.flood_connections_closed"] = stack.status().connections.closed
    worst = max(value for name, value in figures.items() if name.endswith("_camera_p95_ms"))
    return {"security.flood_camera_p95_ms": worst, **figures}


if __name__ == "__main__":
    print(measure(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
