"""The soak sees a server's files by kind: each table of the database, what the rules let grow, and the log."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from benchmarks.soak.pace import MachinePace
from benchmarks.soak.sampling import DATABASE, files, used


def test_files_by_kind(tmp_path: Path) -> None:
    folder, log = tmp_path / "server", tmp_path / "server.log"
    folder.mkdir()
    log.write_text("a line\n")
    (folder / "audit_checkpoints.jsonl").write_bytes(bytes(70))
    (folder / "left_over.tmp").write_bytes(bytes(30))
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        for statement in (
            "CREATE TABLE alert (picture BLOB)",
            "CREATE TABLE subject (name TEXT)",
            "CREATE INDEX ix_subject_name ON subject (name)",
            "CREATE TABLE spare (picture BLOB)",
            "INSERT INTO alert VALUES (zeroblob(100000))",
            "INSERT INTO spare VALUES (zeroblob(50000))",
            "DELETE FROM spare",
        ):
            database.execute(statement)
        database.commit()
        found = files(folder, log)
        total = (folder / DATABASE).stat().st_size
    page = 4_096
    assert found["log"] == 7
    assert found["left_over.tmp"] == 30
    assert found["audit"] == 70
    assert 100_000 < found["alerts"] < 100_000 + 2 * page
    assert found["table subject"] == 2 * page  # with its index
    assert found["free pages"] >= 50_000 // page * page
    assert sum(size for kind, size in found.items() if kind not in {"log", "audit", "left_over.tmp"}) == total


def test_a_process_and_its_children(tmp_path: Path) -> None:
    me = psutil.Process(os.getpid())
    before = used(me)
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"), psutil.Popen(["sleep", "60"]) as child:
        after = used(me)
        child.kill()
    assert after.processes == before.processes + 1
    assert after.descriptors >= before.descriptors + 2
    assert after.pss_mb >= after.uss_mb > 0


def test_the_machines_own_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.soak.pace.EVERY_S", 0.01)
    pace = MachinePace(tmp_path / "pace")
    pace.start()
    try:
        seen = pace.take()
        while not seen.loops.count:
            seen = pace.take()
    finally:
        pace.close()
    assert seen.loops.p50_ms > 0
    assert seen.writes.count == seen.loops.count  # a disk in memory takes less than the tenth of a millisecond shown
    assert (tmp_path / "pace").stat().st_size == 4_096
