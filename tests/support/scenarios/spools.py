"""An outbox with a spooler and a spool on the disk, as a camera has them, for tests that step or run it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uuid6

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.outbox.spool import Spool, SpoolTerms
from cekalwatch.camera.outbox.spooler import Spooler
from cekalwatch.contract.values.captures import FaceCapture
from tests.support.builders.camera import ManualClock, capture_of

MAX_S = 20.0
SPILLED_S = 2.0
"""More than what a capture waits for before it goes to the disk."""


class SpooledOutbox:
    """One run of a camera's program, as far as captures are concerned; its files are below `folder`."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        size: int = 100,
        most_bytes: int = 10**9,
        most_age_s: float = 3600.0,
        spill_after_s: float = 1.5,
        key: str = "spool.key",
        spool: type[Spool] = Spool,
    ) -> None:
        self.folder = folder / "spool" / "gate-1"
        self.run_id = str(uuid6.uuid7())
        self.outbox = Outbox(size, clock)
        terms = SpoolTerms(folder / "spool", folder / key, most_bytes, most_age_s, spill_after_s)
        files = spool(self.folder, terms.key_file, "gate-1", self.run_id)
        self.spooler = Spooler(self.outbox, files, terms, clock)

    @contextmanager
    def running(self) -> Iterator[SpooledOutbox]:
        """Let the spooler work for the time of the block."""
        self.spooler.start()
        try:
            yield self
        finally:
            self.spooler.close()

    @property
    def ids_on_disk(self) -> list[str]:
        return sorted(file.stem for file in self.folder.glob("*.capture"))

    @property
    def bytes_on_disk(self) -> int:
        return sum(file.stat().st_size for file in self.folder.glob("*.capture"))

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` is true, which the spooler's thread brings about."""
        wait_until(condition)


def taken_now(clock: ManualClock, track: str, score: float = 0.8, size: int = 0) -> FaceCapture:
    """A capture of this moment, with a crop of `size` bytes if that is given."""
    capture = capture_of(track, score, clock.now())
    return dataclasses.replace(capture, jpeg=os.urandom(size)) if size else capture


def fill(spooled: SpooledOutbox, clock: ManualClock, *captures: FaceCapture) -> list[str]:
    """Put captures and let them wait until they go to the disk."""
    for capture in captures:
        spooled.outbox.put(capture)
    clock.passed_s += SPILLED_S
    ids = sorted(capture.capture_id for capture in captures)
    spooled.until(lambda: set(ids) <= set(spooled.ids_on_disk) and spooled.outbox.statistics().stored >= len(ids))
    return ids


def sent_and_settled(spooled: SpooledOutbox) -> list[FaceCapture]:
    """Send everything that waits, as the uplink does, each with its receipt."""
    sent: list[FaceCapture] = []

    def all_sent() -> bool:
        while capture := spooled.outbox.take():
            sent.append(capture)
            spooled.outbox.settle(capture.capture_id)
        return spooled.outbox.statistics().depth == 0

    spooled.until(all_sent)
    return sent


def round_passed(spooled: SpooledOutbox) -> None:
    """Wait until the spooler has looked at the outbox and stored what the disk takes."""
    rounds = spooled.spooler.rounds

    def passed() -> bool:
        spooled.spooler._wake.set()
        return spooled.spooler.rounds >= rounds + 2

    spooled.until(passed)


def wait_until(condition: Callable[[], bool], within_s: float = MAX_S) -> None:
    """Look again and again until `condition` is true."""
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it did not come about in time"
        time.sleep(0.005)


@contextmanager
def file_system(folder: Path, *options: str) -> Iterator[Path]:
    """A file system of its own at `folder`, in memory; skips where none can be had."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", *options, "none", str(folder)], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("only root can mount the file system that this needs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def make_read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def make_writable(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
