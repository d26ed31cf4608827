from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cekalwatch.program.platform.log_file import KEPT, LogFile


def test_a_log_is_turned_over_and_its_oldest_entries_go(tmp_path: Path) -> None:
    file = tmp_path / "Logs" / "agent.log"
    log = LogFile(file, most_bytes=100)
    for number in range(100):
        log.write(f"entry {number:02}\n")
    found = sorted(file.parent.iterdir())
    assert [one.name for one in found] == ["agent.log", *(f"agent.log.{number}" for number in range(1, KEPT + 1))]
    assert all(one.stat().st_size <= 109 for one in found)
    newest_first = [line for one in found for line in reversed(one.read_text().splitlines())]
    assert newest_first == [f"entry {number:02}" for number in range(99, 99 - len(newest_first), -1)]


def test_two_programs_write_whole_entries_into_one_log(tmp_path: Path) -> None:
    logs = [LogFile(tmp_path / "log", most_bytes=10_000) for _ in range(2)]

    def write(log: LogFile) -> None:
        for _ in range(100):
            log.write("x" * 30 + "\n")

    writers = [threading.Thread(target=write, args=(log,)) for log in logs]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert set((tmp_path / "log").read_text().splitlines()) == {"x" * 30}


@pytest.mark.parametrize("place", ["a file/log", "folder"])
def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "folder").mkdir()
    assert LogFile(tmp_path / place).write("lost\n") == 5
