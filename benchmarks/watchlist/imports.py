"""Import of 10,000 subjects with a photograph each, compared with detector and recogniser in a bare loop.

    python -m benchmarks.watchlist.imports [SUBJECTS]

The photographs are those of LFW. The import is `watchlist import --offline`: sealed, with its audit trail and the
search for look-alikes. In turns of 250 records the bare loop takes the same decoded photographs on as many threads:
detection, alignment and the two templates of a reference. Time is counted on the clock and as processor time.
"""

from __future__ import annotations

import itertools
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import psutil
from rich.progress import track

from benchmarks.recognition.faces import PACK, collection
from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.contract.values.watchlist import PhotoOutcome
from cekalwatch.program.logs import configure_logs
from cekalwatch.server.cli.watchlist.running_server import local_import
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.recognition.enrolment import find_faces
from cekalwatch.server.recognition.packs.installed import Engine, open_detector, open_engine
from cekalwatch.server.recognition.photographs import decode_photograph
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.transport.process import return_large_pieces
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph
from cekalwatch.server.wiring.data_folder import make_database
from cekalwatch.vision.alignment import align
from cekalwatch.vision.faces import FaceDetector, Picture
from cekalwatch.vision.inference import InferenceChoice, InferenceEngine, Precision
from cekalwatch.vision.manifest import load_pack

SUBJECTS: Final = 10_000
THREADS: Final = 2
TURN: Final = 250
"""Records that are imported before the bare loop takes its turn."""


@dataclass(frozen=True)
class Turn:
    """What one turn took."""

    wall_s: float
    processor_s: float


class BareLoop:
    """Detector and recogniser, and nothing else."""

    def __init__(self, threads: int) -> None:
        pack = load_pack(PACK)
        # The server's own choice: against another engine the figure would say how fast that is.
        self._engine: Engine = open_engine(
            pack, threads=1, choice=InferenceChoice(InferenceEngine.AUTO, Precision.AUTO)
        )
        self._detectors = [open_detector(pack, threads=1) for _ in range(threads)]
        self._workers = ThreadPoolExecutor(threads)

    def run(self, pictures: list[tuple[Picture, bool]]) -> None:
        """Take each picture through detection, and those that are so marked through the recogniser as well."""
        shares = [pictures[start :: len(self._detectors)] for start in range(len(self._detectors))]
        list(self._workers.map(self._share, self._detectors, shares))

    def _share(self, detector: FaceDetector, pictures: list[tuple[Picture, bool]]) -> None:
        for picture, enrolled in pictures:
            seen, faces = find_faces(detector, picture)
            if enrolled:
                face = max(faces, key=lambda one: one.width)
                aligned = align(seen, face.landmarks)
                self._engine.recogniser.embed(np.stack([aligned, aligned[:, ::-1]]))


def records(subjects: int) -> Iterator[ImportRecord]:
    """Give a record for each subject, its photograph read at that moment."""
    paths = [photograph.path for photograph in collection("lfw").photographs]
    first = date(2026, 1, 1)
    for number in range(subjects):
        key = f"S-{number:05d}"
        again, which = divmod(number, len(paths))
        data = paths[which].read_bytes() + b"\0" * again
        order = BanOrder(
            order_id=f"O-{number:05d}",
            subject_id=key,
            kind=OrderKind.CEGAH,
            requesting_agency="Contoh",
            valid_from=first,
            valid_until=first + timedelta(days=170),
            received_on=first,
        )
        yield ImportRecord(Subject(key, "Contoh"), order, (Photograph("1.jpg", data),))


def measure(subjects: int = SUBJECTS) -> dict[str, float]:
    """Return the figures `watchlist.import_…`; raises FileNotFoundError where the photographs are not there."""
    collection("lfw")
    return_large_pieces()
    configure_logs("warning")
    bare = BareLoop(THREADS)
    process = psutil.Process()
    imported: list[Turn] = []
    loops: list[Turn] = []
    memory: list[int] = []
    refused = doubtful = 0
    with tempfile.TemporaryDirectory() as folder:
        settings = ServerSettings(
            listen="127.0.0.1:0", data_dir=Path(folder), models_dir=PACK.parent.resolve(), threads=THREADS
        )
        make_database(settings)
        mine, theirs = itertools.tee(records(subjects))
        with local_import(settings) as run, closing(run.import_records(mine)) as reports:
            for _ in track(range(-(-subjects // TURN)), description="turns"):
                turn, told = _timed_import(reports, process)
                imported.append(turn)
                memory.append(process.memory_info().rss)
                refused += sum(not _enrolled(report) for report in told)
                doubtful += sum(report.is_doubtful for report in told)
                loops.append(_timed_loop(bare, list(itertools.islice(theirs, len(told))), told))
            run.finish()
    # The first turn opens what every later one finds open.
    imported, loops = imported[1:] or imported, loops[1:] or loops
    tenth = max(1, len(memory) // 10)
    return {
        "watchlist.import_subjects": subjects,
        "watchlist.import_efficiency": round(
            statistics.median(b.wall_s / a.wall_s for a, b in zip(imported, loops, strict=True)), 3
        ),
        "watchlist.import_efficiency_cpu": round(
            sum(one.processor_s for one in loops) / sum(one.processor_s for one in imported), 3
        ),
        "watchlist.import_cpu_ms": round(
            1000 * sum(one.processor_s for one in imported) / (subjects - min(TURN, subjects // 2)), 2
        ),
        "watchlist.import_memory_growth_mb": round(
            (statistics.mean(memory[-tenth:]) - statistics.mean(memory[tenth : 2 * tenth] or memory)) / 1e6, 1
        ),
        "watchlist.import_photographs_refused": refused,
        "watchlist.import_also_under": doubtful,
    }


def _timed_import(reports: Iterator[RecordReport], process: psutil.Process) -> tuple[Turn, list[RecordReport]]:
    began, processor = time.perf_counter(), _processor_s(process)
    told = list(itertools.islice(reports, TURN))
    return Turn(time.perf_counter() - began, _processor_s(process) - processor), told


def _processor_s(process: psutil.Process) -> float:
    """Return the processor time of this process, and of those that it started."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = [child.cpu_times() for child in process.children()]
    children = sum(times.user + times.system for times in running)
    return time.process_time() + ended.ru_utime + ended.ru_stime + children


def _timed_loop(bare: BareLoop, taken: list[ImportRecord], told: list[RecordReport]) -> Turn:
    pictures = [
        (decode_photograph(record.photographs[0].data), _enrolled(report))
        for record, report in zip(taken, told, strict=True)
    ]
    began, processor = time.perf_counter(), time.process_time()
    bare.run(pictures)
    return Turn(time.perf_counter() - began, time.process_time() - processor)


def _enrolled(report: RecordReport) -> bool:
    return report.photos[0].outcome is not PhotoOutcome.REFUSED


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SUBJECTS))
