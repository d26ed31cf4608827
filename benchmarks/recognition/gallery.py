"""The gallery at 1,000 to 1,000,000 templates: searching, loading from the database, following a change, memory.

    python -m benchmarks recognition.gallery

Each size has a process of its own. The lists are made up of random templates, sealed in SQLite as the server seals
them, without photographs. The million goes through the same builder piece by piece, without a database.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import faiss
import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace, Subject
from cekalwatch.contract.values.thresholds import Threshold, ThresholdSource
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.gallery.index import Gallery, GalleryBuilder
from cekalwatch.server.gallery.kept_terms import TermsFile
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.gallery.snapshot import SearchedModel, SnapshotHolder
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.models.store import PIECE_ROWS
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.transport.process import return_large_pieces

SIZE = 128
"""Numbers in a template of the default pack."""
LARGE_SIZE = 512
"""In one of the pack `light` and of InsightFace's."""
MODEL = "made-up-00000000"
FILE = "test.sqlite3"
SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}
BATCHES = (1, 8, 32)
MOST = 5
ROUNDS = 9
NOW = datetime(2026, 11, 25, 5, tzinfo=UTC)
FIGURES = FaceFigures(95.0, 0.0, 0.0, 0.8, 0.5, 0.9, 1)
CHECKPOINTS = Checkpoints(Law(), {"batam-center": ZoneInfo("Asia/Jakarta")})


def measure() -> dict[str, float]:
    """Measure all of it."""
    figures: dict[str, float] = {}
    for name in SIZES:
        figures |= _apart("search", name, GalleryStorage.FP16)
        if name != "1m":
            figures |= _apart("search", name, GalleryStorage.FLOAT32)
    figures |= _apart("sizes") | _apart("memory")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("10k", "100k"):
            fill(Path(folder) / name, SIZES[name])
            figures |= _apart("load", name, str(Path(folder) / name))
    return figures


def _apart(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.recognition.gallery", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def search(name: str, storage: GalleryStorage) -> dict[str, float]:
    """Median wall and processor time of a search, milliseconds, on one thread."""
    gallery = _made_up(SIZES[name], storage)
    probes = _unit(np.random.default_rng(2), max(BATCHES))
    kind = "" if storage is GalleryStorage.FP16 else "_float32"
    figures: dict[str, float] = {}
    for batch in BATCHES:
        wall, used = _timed(lambda batch=batch: gallery.search(MODEL, probes[:batch], MOST))  # type: ignore[misc]
        label = f"gallery.search_{name}{kind}" + ("" if batch == 1 else f"_x{batch}")
        figures |= {f"{label}_ms": wall * 1e3, f"{label}_cpu_ms": used * 1e3}
    return figures


def sizes() -> dict[str, float]:
    """Search a million with one probe in both sizes of template, and read the small rows once.

    Where they lie, which is in pages of 4 KiB, and as many bytes in one piece, which numpy puts into pages of 2 MiB.
    """

    def searched(size: int) -> tuple[float, float]:
        gallery = _made_up(SIZES["1m"], GalleryStorage.FP16, size=size)
        probe = _unit(np.random.default_rng(2), 1, size)
        took, _ = _timed(lambda: gallery.search(MODEL, probe, MOST))
        held = [one.index.codes for one in gallery._shards]  # noqa: SLF001  # where they lie
        rows = [faiss.rev_swig_ptr(codes.data(), codes.size()).view(np.int64) for codes in held]
        read, _ = _timed(lambda: [np.bitwise_or.reduce(one) for one in rows])
        return took, read

    (large, _), (small, read) = searched(LARGE_SIZE), searched(SIZE)
    piece = np.ones(SIZES["1m"] * SIZE * 2 // 8, np.int64)
    read_piece, _ = _timed(lambda: np.bitwise_or.reduce(piece))
    return {
        "gallery.search_1m_512_ms": large * 1e3,
        "gallery.search_1m_128_ms": small * 1e3,
        "gallery.search_1m_128_to_512": small / large,
        "gallery.search_1m_128_to_reading": small / read,
        "gallery.search_1m_128_to_reading_a_piece": small / read_piece,
    }


def memory() -> dict[str, float]:
    """What a million fp16 templates take beside an empty server's parts, and a change of 50 subjects among them."""
    with tempfile.TemporaryDirectory() as folder:
        database, keyring = _opened(Path(folder))
        watchlist = WatchlistStore(database, keyring)
        SnapshotHolder(watchlist.templates, TermsReader(watchlist, CHECKPOINTS), HeldClock(), _model())
        rows = WatchlistRows(keyring)
        _timed(lambda: Gallery.build(MODEL, SIZE, _unit(np.random.default_rng(1), 8), list("abcdefgh")))
        empty = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        begun = time.perf_counter()
        gallery = _made_up(SIZES["1m"], GalleryStorage.FP16, rows)
        took = time.perf_counter() - begun
        figures = {
            "gallery.rss_1m_mb": _memory("VmRSS") - empty,
            "gallery.peak_1m_mb": _memory("VmHWM") - empty,
            "gallery.build_1m_s": took,
        }
        Path("/proc/self/clear_refs").write_text("5")
        changed = [_key(number) for number in range(0, SIZES["1m"], SIZES["1m"] // 50)]
        begun = time.perf_counter()
        gallery = gallery.changed(changed, _unit(np.random.default_rng(3), len(changed)), changed)
        database.close()
        return figures | {
            "gallery.change_1m_s": time.perf_counter() - begun,
            "gallery.change_peak_1m_mb": _memory("VmHWM") - empty,
        }


def load(name: str, folder: str) -> dict[str, float]:
    """From the opened database to the terms of all orders and to a gallery that is searched; a change, and an end."""
    database, keyring = _opened(Path(folder))
    watchlist, clock = WatchlistStore(database, keyring), HeldClock()
    empty = _memory("VmRSS")
    census = TermsReader(watchlist, CHECKPOINTS)
    begun, used = time.perf_counter(), time.process_time()
    assert census.read().active(NOW) == SIZES[name]
    figures = {
        f"gallery.census_{name}_s": time.perf_counter() - begun,
        f"gallery.census_{name}_cpu_s": time.process_time() - used,
    }
    file = TermsFile(Path(folder) / "order_terms.sealed", keyring, {})
    census.read().keep(file)
    begun = time.perf_counter()
    assert TermsReader(watchlist, CHECKPOINTS, file).read().active(NOW) == SIZES[name]
    figures[f"gallery.kept_terms_{name}_s"] = time.perf_counter() - begun
    begun, used = time.perf_counter(), time.process_time()
    holder = SnapshotHolder(watchlist.templates, census, clock, _model())
    assert len(holder.current.gallery) == SIZES[name]
    figures |= {
        f"gallery.load_{name}_s": time.perf_counter() - begun,
        f"gallery.load_{name}_cpu_s": time.process_time() - used,
        f"gallery.load_{name}_mb": _memory("VmRSS") - empty,
    }
    follows = []
    for number in range(ROUNDS):
        person, order, _ = _facts(number)
        watchlist.put(person, BanOrder(**vars(order) | {"reason": f"changed at {time.time_ns()}"}))
        begun = time.perf_counter()
        assert holder.follow()
        assert census.read().active(NOW) == SIZES[name]
        follows.append(time.perf_counter() - begun)
    quiet, _ = _timed(holder.follow)
    figures |= {f"gallery.follow_{name}_ms": median(follows) * 1e3, f"gallery.follow_quiet_{name}_ms": quiet * 1e3}
    clock.moment += timedelta(days=61)  # every second order ends
    begun = time.perf_counter()
    holder.follow()
    assert len(holder.current.gallery) == SIZES[name] // 2
    figures[f"gallery.half_ends_{name}_s"] = time.perf_counter() - begun
    database.close()
    return figures


class HeldClock(SystemClock):
    """A clock that the benchmark sets."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        """Return the moment that was set."""
        return self.moment


def _made_up(count: int, storage: GalleryStorage, rows: WatchlistRows | None = None, size: int = SIZE) -> Gallery:
    """Build a gallery in pieces; with `rows`, each template is sealed and opened on its way."""
    generator, builder = np.random.default_rng(1), GalleryBuilder(MODEL, size, storage)
    for start in range(0, count, PIECE_ROWS):
        keys = [_key(number) for number in range(start, min(count, start + PIECE_ROWS))]
        templates = _unit(generator, len(keys), size)
        if rows is not None:
            sealed = [rows.template_row(key, MODEL, key, one).vector for key, one in zip(keys, templates, strict=True)]
            opened = [rows.vector(key, MODEL, key, one) for key, one in zip(keys, sealed, strict=True)]
            templates = np.frombuffer(b"".join(opened), dtype="<f4").reshape(-1, size)
        builder.add(templates, keys)
    return builder.gallery()


def _key(number: int) -> str:
    return f"CEKAL-{number:08}"


def _unit(generator: np.random.Generator, count: int, size: int = SIZE) -> NDArray[np.float32]:
    rows = generator.standard_normal((count, size), dtype=np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def _facts(number: int) -> tuple[Subject, BanOrder, ReferenceFace]:
    key = _key(number)
    subject = Subject(key, f"Contoh {number}", ("Alias",), "M", "Batam", "1980-01-01", "IDN", address="Jl. Contoh 1")
    today = NOW.date()
    order = BanOrder(
        order_id=f"O-{number:08}",
        subject_id=key,
        kind=OrderKind.CEGAH,
        requesting_agency="Kejaksaan Agung",
        valid_from=today - timedelta(days=30),
        valid_until=today + timedelta(days=60 + number % 2),
        received_on=date(2026, 10, 1),
        decree_number=f"KEP-{number}",
        decree_date=date(2026, 10, 1),
    )
    return subject, order, ReferenceFace(f"{number:032x}", "0" * 64, FIGURES, subject_id=key)


def fill(folder: Path, count: int, model: str = MODEL, file: str = FILE) -> None:
    """Write a list straight into the tables; through the store it would take a commit each."""
    folder.mkdir(parents=True, exist_ok=True)
    database, keyring = _opened(folder, file)
    rows, generator = WatchlistRows(keyring), np.random.default_rng(1)
    for start in range(0, count, PIECE_ROWS):
        with database.session() as session:
            numbers = range(start, min(count, start + PIECE_ROWS))
            facts = [_facts(number) for number in numbers]
            session.add_all([rows.subject_row(person) for person, _, _ in facts])
            session.flush()
            session.add_all([rows.order_row(order, rows.content_hash(person, order)) for person, order, _ in facts])
            session.add_all([rows.reference_row(face) for _, _, face in facts])
            session.flush()
            for template, (_, _, face) in zip(_unit(generator, len(facts)), facts, strict=True):
                session.add(rows.template_row(face.reference_id, model, face.subject_id, template))
            session.commit()
    database.close()


def _opened(folder: Path, file: str = FILE) -> tuple[Database, Keyring]:
    database = Database(f"sqlite:///{folder / file}")
    database.upgrade()
    myself = Actor(ActorKind.COMMAND, "benchmark")
    keys = KeyStore.open(database, KeyFile(folder / "master.key"), SystemClock(), myself)
    return database, keys.keyring


def _model() -> SearchedModel:
    fixed = Threshold(0.5, ThresholdSource.SETTINGS, 1e-3, extrapolated=False)
    return SearchedModel(MODEL, SIZE, lambda _: fixed)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the median wall and processor time, seconds; the first round warms up."""
    work()
    times = []
    for _ in range(ROUNDS):
        begun, used = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - begun, time.process_time() - used))
    walls, cpus = zip(*times, strict=True)
    return median(walls), median(cpus)


def _memory(field: str) -> float:
    """Return a figure of this process's memory, megabytes of 10^6 bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    return_large_pieces()
    match sys.argv[1:]:
        case ["search", name, storage]:
            found = search(name, GalleryStorage(storage))
        case ["sizes"]:
            found = sizes()
        case ["memory"]:
            found = memory()
        case ["load", name, folder]:
            found = load(name, folder)
        case _:
            found = measure()
    print(json.dumps(found))  # for the process that asked
