"""Looks at the processes of the soak and at the server's files."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psutil

from benchmarks.soak.judging import LOG, SERVER
from benchmarks.soak.minutes import Used

DATABASE = "cekalwatch.sqlite3"
KINDS: Mapping[str, frozenset[str]] = {
    "alerts": frozenset(
        {"alert", "sighting", "alert_passage", "probe", "alert_finding", "alert_follow_up", "alert_event"}
    ),
    "audit": frozenset({"audit_entry", "audit_checkpoint", "audit_index"}),
    "runs": frozenset({"sync_run", "trouble", "notice"}),
}
"""Which tables, with their indexes, are of which kind; each other one is a kind of its own."""
AUDIT_FILES = dict.fromkeys(("audit_ledger.sqlite3", "audit_checkpoints.jsonl"), "audit")
"""What the signer of the audit trail keeps beside the database; each other file is a kind of its own."""


def used(process: psutil.Process) -> Used:
    """Return what a program and the processes that it started have."""
    pss = rss = uss = descriptors = threads = processes = 0
    for one in (process, *process.children(recursive=True)):
        try:
            memory = one.memory_full_info()
            descriptors += one.num_fds()
            threads += one.num_threads()
        except psutil.NoSuchProcess:  # a confined one that has done its work
            continue
        pss, rss, uss, processes = pss + memory.pss, rss + memory.rss, uss + memory.uss, processes + 1
    pss_mb, rss_mb, uss_mb = (round(size / 1e6, 2) for size in (pss, rss, uss))
    return Used(pss_mb, rss_mb, uss_mb, descriptors, threads, processes)


def files(data_dir: Path, log_file: Path) -> dict[str, int]:
    """Return the bytes in the server's folder by kind, those of the database by its tables, and the log's."""
    found: Counter[str] = Counter()
    for path in data_dir.rglob("*"):
        if path.is_file() and path.name != DATABASE:
            found[AUDIT_FILES.get(path.name, str(path.relative_to(data_dir)))] += path.stat().st_size
    found += _tables(data_dir / DATABASE)
    found[LOG] = log_file.stat().st_size
    return dict(found)


def _tables(database: Path) -> Counter[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        table_of = dict(connection.execute("SELECT name, tbl_name FROM sqlite_master").fetchall())
        sizes = dict(connection.execute("SELECT name, pgsize FROM dbstat WHERE aggregate = 1").fetchall())
        ((pages, size),) = connection.execute(
            "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size"
        ).fetchall()
    found: Counter[str] = Counter()
    for name, table_size in sizes.items():
        table = table_of.get(name, name)
        kind = next((kind for kind, tables in KINDS.items() if table in tables), f"table {table}")
        found[kind] += table_size
    found["free pages"] = pages * size - sum(sizes.values())
    return found


class ProcessorTime:
    """Whose the processor was since the last look."""

    def __init__(self, programs: Mapping[str, psutil.Process]) -> None:
        self._programs = programs
        self._me = psutil.Process()
        self._before = self._now()

    def take(self) -> tuple[float, float]:
        """Return the cores of the server, and of whoever does not belong to the soak."""
        before, self._before = self._before, self._now()
        elapsed, server, ours, busy = (now - then for now, then in zip(self._before, before, strict=True))
        return round(server / elapsed, 3), round(max(0.0, busy - ours) / elapsed, 3)

    def _now(self) -> tuple[float, float, float, float]:
        server = _spent(self._programs[SERVER])
        ours = sum(_spent(one) for one in (self._me, *self._programs.values()))
        machine = psutil.cpu_times()
        return time.monotonic(), server, ours, machine.user + machine.nice + machine.system


def _spent(process: psutil.Process) -> float:
    """Return the seconds of a process and of those that it started and waited for."""
    return sum(process.cpu_times()[:4])
