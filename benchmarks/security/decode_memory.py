"""Peak memory of a server to which sixteen clients send a photograph of 6300x6300 pixels each at the same moment.

    python -m benchmarks.security.decode_memory

A server process with a gallery of 10,000 templates: once with PNGs that are small files, once with JPEGs of nearly 20
MB and several scans, which take the most memory to decode.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from benchmarks.recognition.server_throughput import PACK, database_with_gallery
from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.grpc_api.clients.server_client import RemoteImport
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tls import FollowedTls, TlsFiles
from deploy.demo.stack import Stack, StackConfig

CLIENTS = 16
SIDE = 6300


def small_png() -> bytes:
    """Return a few hundred kilobytes that become 40 million pixels: a portrait on a plain wall."""
    return _saved(_wall(), "PNG", compress_level=6)


def large_jpeg() -> bytes:
    """Return 15 to 20 MB that become 40 million pixels: the same, with the noise of a bad camera, in several scans."""
    noise = np.random.default_rng(1).integers(-24, 24, (SIDE, SIDE, 1), np.int16)
    noisy = Image.fromarray(np.clip(np.asarray(_wall()) + noise, 0, 255).astype(np.uint8))
    return _saved(noisy, "JPEG", quality=72, progressive=True, subsampling=0)


def _wall() -> Image.Image:
    wall = Image.new("RGB", (SIDE, SIDE), (120, 120, 120))
    wall.paste(Image.fromarray(data.astronaut()).resize((1500, 1500)), (2400, 2400))  # type: ignore[no-untyped-call]
    return wall


def _saved(picture: Image.Image, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def administrator(stack: Stack) -> Dialer:
    """Return a connection of the local administrator, who alone may import."""
    return Dialer(stack.address, FollowedTls(TlsFiles(stack.config.folder / "server" / "tls"), print))


def send_at_once(stack: Stack, photograph: bytes, prefix: str, clients: int = CLIENTS) -> list[RecordReport]:
    """Import this number of records with that photograph, each over its own connection; return the reports."""

    def send(number: int) -> list[RecordReport]:
        with RemoteImport(administrator(stack)) as remote:
            return list(remote.run(_record(f"{prefix}-{number}", photograph + bytes([number]))))

    with ThreadPoolExecutor(clients) as threads:
        return [report for reports in threads.map(send, range(clients)) for report in reports]


def _record(key: str, photograph: bytes) -> Iterator[ImportRecord]:
    today = date.today()  # noqa: DTZ011  # orders have days of the local clock
    order = BanOrder(
        order_id=key,
        subject_id=key,
        kind=OrderKind.CEGAH,
        requesting_agency="Contoh",
        valid_from=today,
        valid_until=today + timedelta(days=90),
        received_on=today,
    )
    yield ImportRecord(Subject(key, f"Contoh {key}", nationality="IDN"), order, (Photograph("a", photograph),))


def peak_rss_mb(pid: int) -> float:
    """Return the most memory that the process has ever had in use, in MB, as Linux counts it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6


def measure() -> dict[str, float]:
    """Return the peak in MB, and how long the sixteen took, in seconds."""
    engine = open_engine(load_pack(PACK), threads=1)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        database, _ = database_with_gallery(folder, engine)
        database.close()
        with Stack(StackConfig(folder=folder, models=PACK.parent)) as stack:
            for name, photograph in (("png", small_png()), ("jpeg", large_jpeg())):
                begun = time.perf_counter()
                reports = send_at_once(stack, photograph, name)
                figures[f"security.decode_{name}_s"] = round(time.perf_counter() - begun, 1)
                if len(reports) != CLIENTS or any(report.photos[0].reason for report in reports):
                    raise RuntimeError(f"not all photographs were enrolled: {reports}")
            figures["security.decode_peak_rss_mb"] = round(peak_rss_mb(stack.server.pid), 1)
    return figures


if __name__ == "__main__":
    print(measure())
