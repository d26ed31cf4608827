"""Imports and synchronisations of a server in service: how fast they are, and what cameras notice of them.

    python -m benchmarks.watchlist.service [SUBJECTS]

A server process with certificates takes SUBJECTS subjects with a photograph of LFW each: from an import over the
network, and from a first synchronisation with a folder; each is compared with the bare loop of `imports`. Then, at
10,000 templates, a camera sends a face every 200 ms: alone, during an import, and during a synchronisation.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import psutil

from benchmarks.alerts.starvation import GOOD, Faces, camera_latencies
from benchmarks.recognition.faces import PACK, collection
from benchmarks.recognition.server_throughput import captures, database_with_gallery
from benchmarks.watchlist.imports import THREADS, BareLoop
from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.contract.values.watchlist import PhotoOutcome, SyncOutcome
from cekalwatch.program.connection import open_dialer
from cekalwatch.server.grpc_api.clients.server_client import RemoteImport, RemoteSyncs
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.recognition.photographs import decode_photograph
from cekalwatch.server.watchlist.imports.records import ImportRecord
from cekalwatch.server.watchlist.sources.files.folder import FolderSource
from cekalwatch.server.watchlist.sources.settings import FolderSettings
from cekalwatch.server.watchlist.sources.source import OfferedOrder
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from tests.support.builders.watchlist_folder import row, write_orders

SUBJECTS: Final = 1_500
SECONDS: Final = 15.0


def write_list(folder: Path, subjects: int) -> list[Picture]:
    """Write a watchlist folder; return its photographs, decoded."""
    paths = itertools.islice(itertools.cycle(one.path for one in collection("lfw").photographs), subjects)
    first, rows, pictures = date.today() - timedelta(days=10), [], []  # noqa: DTZ011  # orders have days of the local clock
    days = {"valid_from": first, "received_on": first, "decree_date": first, "valid_until": first + timedelta(days=150)}
    folder.mkdir()
    for number, path in enumerate(paths):
        name, data = f"{number:05}.jpg", path.read_bytes()
        (folder / name).write_bytes(data)
        pictures.append(decode_photograph(data))
        cells = {"subject_id": f"S-L{number:05}", "name": f"Contoh {number}", "photographs": name}
        rows.append(row(f"O-L{number:05}", **cells, **{day: str(value) for day, value in days.items()}))
    write_orders(folder, rows)
    return pictures


def records(folder: Path) -> list[ImportRecord]:
    """Read a watchlist folder."""
    with closing(FolderSource(FolderSettings(path=folder), ZoneInfo("Asia/Jakarta"))) as source:
        items = [item for page in source.read("").pages for item in page.items]
    return [item.load() for item in items if isinstance(item, OfferedOrder)]


def keeper(stack: Stack) -> Dialer:
    """Return what connects with the server's own certificate, as its administrator does."""
    return open_dialer(stack.address, stack.config.folder / "server" / "tls")


def imported(stack: Stack, folder: Path) -> list[bool]:
    """Import the folder through the server; return which photographs were enrolled."""
    with RemoteImport(keeper(stack)) as remote:
        return [one.photos[0].outcome is PhotoOutcome.ENROLLED for one in remote.run(records(folder))]


def synchronised(stack: Stack) -> SyncRun:
    """Wait for the end of the run that the server begins by itself; raises RuntimeError for one that failed."""
    with RemoteSyncs(keeper(stack)) as syncs:
        while (run := syncs.status()[0].last) is None:
            time.sleep(0.2)
    if run.outcome is not SyncOutcome.DONE:
        raise RuntimeError(f"the synchronisation failed: {run}")
    return run


def site(folder: Path, source: Path | None = None) -> StackConfig:
    """Return a site with one camera, whose server has a source or none."""
    settings: dict[str, int | float | str] = {"threads": THREADS}
    if source:
        settings |= {"watchlist.source.kind": "folder", "watchlist.source.path": str(source.resolve())}
    return StackConfig(folder=folder, models=PACK.parent, cameras=(CameraPlan(GOOD),), settings=settings)


@dataclass(frozen=True)
class Cost:
    """What taking all subjects took."""

    wall_s: float
    processor_s: float
    """Of this process and of the server."""


class Watch:
    """Measures from its making to each question."""

    def __init__(self, *servers: psutil.Process) -> None:
        self._servers = servers
        self._began = self._now()

    def cost(self) -> Cost:
        """Return what it was until now."""
        now = self._now()
        return Cost(now[0] - self._began[0], now[1] - self._began[1])

    def _now(self) -> tuple[float, float]:
        others = sum(sum(server.cpu_times()[:2]) for server in self._servers)
        return time.perf_counter(), time.process_time() + others


def bare_cost(bare: BareLoop, pictures: Sequence[Picture], enrolled: Sequence[bool]) -> Cost:
    """Return what detector and recogniser alone take."""
    watch = Watch()
    bare.run(list(zip(pictures, enrolled, strict=True)))
    return watch.cost()


def efficiency(way: str, cost: Cost, loops: Sequence[Cost]) -> dict[str, float]:
    """Return the figures of one way in, against the bare loops before and after it."""
    return {
        f"watchlist.service_{way}_efficiency": round(float(np.mean([one.wall_s for one in loops])) / cost.wall_s, 3),
        f"watchlist.service_{way}_efficiency_cpu": round(
            float(np.mean([one.processor_s for one in loops])) / cost.processor_s, 3
        ),
    }


def speeds(folder: Path, pictures: Sequence[Picture]) -> dict[str, float]:
    """Return the figures of speed."""
    bare, source = BareLoop(THREADS), folder / "list"
    bare_cost(bare, pictures[:100], [True] * 100)  # what opens at the first use is open
    with Stack(site(folder / "importing")) as stack:
        watch = Watch(psutil.Process(stack.server.pid))
        enrolled = imported(stack, source)
        importing = watch.cost()
    loops = [bare_cost(bare, pictures, enrolled)]
    with Stack(site(folder / "syncing", source)) as stack:
        watch = Watch(psutil.Process(stack.server.pid))
        run = synchronised(stack)
        if run.ended_at is None or run.counts.added != len(pictures):
            raise RuntimeError(f"the synchronisation went wrong: {run}")
        syncing = Cost((run.ended_at - run.started_at).total_seconds(), watch.cost().processor_s)
    loops.append(bare_cost(bare, pictures, enrolled))
    return efficiency("import", importing, loops) | efficiency("sync", syncing, loops)


def camera_p95_ms(stack: Stack, faces: Faces) -> float:
    """Return the 95th percentile of the camera's times from a face to its receipt."""
    end = time.perf_counter() + SECONDS
    found = asyncio.run(camera_latencies(stack.dialer(DeviceRole.CAMERA, GOOD), faces, end))
    return round(float(np.percentile(found, 95)) * 1000, 1)


def latencies(folder: Path) -> dict[str, float]:
    """Return what the camera notices. The list is long enough that it is taken all the time."""
    engine = open_engine(load_pack(PACK), threads=1)
    faces, source, figures = captures(engine), folder / "list", dict[str, float]()
    for place in ("beside-import", "beside-sync"):
        database, _ = database_with_gallery(folder / place, engine)
        database.close()
    with Stack(site(folder / "beside-import")) as stack:
        figures["watchlist.camera_p95_ms_alone"] = camera_p95_ms(stack, faces)
        importing = threading.Thread(target=imported, args=(stack, source))
        importing.start()
        figures["watchlist.camera_p95_ms_import"] = camera_p95_ms(stack, faces)
        figures["watchlist.camera_import_goes_on"] = int(importing.is_alive())
        importing.join()
    with Stack(site(folder / "beside-sync", source)) as stack, RemoteSyncs(keeper(stack)) as syncs:
        while syncs.status()[0].running is None:
            time.sleep(0.2)
        figures["watchlist.camera_p95_ms_sync"] = camera_p95_ms(stack, faces)
        figures["watchlist.camera_sync_goes_on"] = int(syncs.status()[0].running is not None)
    return figures


def measure(subjects: int = SUBJECTS) -> dict[str, float]:
    """Return the figures `watchlist.service_…` and `watchlist.camera_…`; raises FileNotFoundError without the faces."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pictures = write_list(folder / "list", subjects)
        return speeds(folder, pictures) | latencies(folder)


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SUBJECTS))
