"""What a disk that was damaged, fills, fails or hangs costs, and a key that is another one or cannot be used."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.outbox.spool import Spool, SpoolError
from cekalwatch.camera.outbox.spooler import PAUSE_S
from cekalwatch.contract.values.cameras import Drops, SpoolState
from cekalwatch.contract.values.captures import FaceCapture
from tests.support.builders.camera import ManualClock, capture_of
from tests.support.scenarios.spools import (
    SPILLED_S,
    SpooledOutbox,
    file_system,
    fill,
    make_read_only,
    make_writable,
    round_passed,
    sent_and_settled,
    taken_now,
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def damage(file: Path, how: str) -> None:
    content = bytearray(file.read_bytes())
    match how:
        case "flipped":
            content[len(content) // 2] ^= 0x10
        case "truncated":
            del content[len(content) // 2 :]
        case "emptied":
            content.clear()
    file.write_bytes(content)


@pytest.mark.parametrize("how", ["flipped", "truncated", "emptied"])
def test_what_was_damaged_is_counted_and_removed_and_the_rest_is_sent(
    tmp_path: Path, clock: ManualClock, how: str
) -> None:
    with SpooledOutbox(tmp_path, clock).running() as spooled:
        ids = fill(spooled, clock, *(taken_now(clock, str(number)) for number in range(5)))
    for capture_id in ids[1:3]:
        damage(spooled.folder / f"{capture_id}.capture", how)
    with SpooledOutbox(tmp_path, clock).running() as successor:
        successor.until(lambda: successor.outbox.statistics().drops == Drops(unreadable=2))
        successor.until(lambda: successor.outbox.statistics().depth == 3)
        damage(successor.folder / f"{ids[4]}.capture", how)  # while the program runs
        assert {capture.capture_id for capture in sent_and_settled(successor)} == {ids[0], ids[3]}
        assert successor.outbox.statistics().drops == Drops(unreadable=3)
        successor.until(lambda: successor.ids_on_disk == [])
        assert successor.spooler.state is SpoolState.READY


def test_another_key_costs_what_waits_until_it_is_put_back(tmp_path: Path, clock: ManualClock) -> None:
    with SpooledOutbox(tmp_path, clock, most_age_s=10**9).running() as spooled:
        ids = fill(spooled, clock, taken_now(clock, "1"))
    (tmp_path / "spool.key").rename(tmp_path / "put away.key")
    with SpooledOutbox(tmp_path, clock, most_age_s=10**9).running() as other:
        other.until(lambda: other.outbox.statistics().drops == Drops(unreadable=1))
        new = fill(other, clock, taken_now(clock, "2"))
        assert [capture.capture_id for capture in sent_and_settled(other)] == new
        other.until(lambda: other.ids_on_disk == ids)
    with SpooledOutbox(tmp_path, clock, most_age_s=10**9, key="put away.key").running() as again:
        again.until(lambda: again.outbox.statistics().depth == 1)
        assert [capture.capture_id for capture in sent_and_settled(again)] == ids


def test_what_another_key_sealed_does_not_stay_for_longer_than_the_rest(tmp_path: Path) -> None:
    system = SystemClock()  # its file's name tells when a capture was taken
    with SpooledOutbox(tmp_path, system, spill_after_s=0.0).running() as spooled:
        spooled.outbox.put(capture_of("1", captured_at=system.now()))
        spooled.until(lambda: len(spooled.ids_on_disk) == 1)
    with SpooledOutbox(tmp_path, system, key="other.key", most_age_s=0.5).running() as other:
        other.until(lambda: other.outbox.statistics().drops.unreadable == 1)
        other.until(lambda: other.ids_on_disk == [])


def test_a_full_disk_is_told_and_live_captures_go_on_and_the_worst_are_dropped(
    tmp_path: Path, clock: ManualClock
) -> None:
    with (
        file_system(tmp_path / "disk", "-o", "size=200k") as disk,
        SpooledOutbox(disk, clock, size=8).running() as spooled,
    ):
        best: list[str] = []
        for track in range(10):
            for score in (0.9, 0.4, 0.3):
                capture = taken_now(clock, str(track), score, size=12_000)
                spooled.outbox.put(capture)
                if score == 0.9:
                    best.append(capture.capture_id)
            clock.passed_s += PAUSE_S + SPILLED_S
            round_passed(spooled)
        spooled.until(lambda: spooled.spooler.state is SpoolState.DISK_FULL)
        figures = spooled.outbox.statistics()
        assert figures.drops.no_room >= 30 - 200 // 12 - 8
        live = taken_now(clock, "live")
        spooled.outbox.put(live)
        assert spooled.outbox.take() is live
        spooled.outbox.settle(live.capture_id)
        sent = {capture.capture_id for capture in sent_and_settled(spooled)}
        assert len(sent & set(best)) == 10, "best shots gave way to worse ones"
        clock.passed_s += PAUSE_S
        spooled.until(lambda: spooled.spooler.state is SpoolState.READY)


def test_a_disk_that_becomes_read_only_is_told_and_left_alone_until_it_works_again(
    tmp_path: Path, clock: ManualClock
) -> None:
    with file_system(tmp_path / "disk") as disk, SpooledOutbox(disk, clock).running() as spooled:
        [on_disk] = fill(spooled, clock, taken_now(clock, "1"))
        make_read_only(disk)
        later = taken_now(clock, "2")
        spooled.outbox.put(later)
        clock.passed_s += SPILLED_S
        spooled.until(lambda: spooled.spooler.state is SpoolState.READ_ONLY)
        assert {capture.capture_id for capture in sent_and_settled(spooled)} == {on_disk, later.capture_id}
        assert spooled.ids_on_disk == [on_disk]
        make_writable(disk)
        clock.passed_s += PAUSE_S
        spooled.until(lambda: spooled.ids_on_disk == [] and spooled.spooler.state is SpoolState.READY)


def test_a_disk_that_was_read_only_from_the_beginning_is_told_before_anything_waits(
    tmp_path: Path, clock: ManualClock
) -> None:
    with file_system(tmp_path / "disk") as disk:
        make_read_only(disk)
        with SpooledOutbox(disk, clock).running() as spooled:
            spooled.until(lambda: spooled.spooler.state is SpoolState.READ_ONLY)
            spooled.outbox.put(taken_now(clock, "1"))
            clock.passed_s += SPILLED_S
            assert len(sent_and_settled(spooled)) == 1
        make_writable(disk)


def test_a_key_that_cannot_be_used_is_told_and_live_captures_go_on(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "spool.key").write_bytes(b"scratched")
    (tmp_path / "spool.key").chmod(0o600)
    with SpooledOutbox(tmp_path, clock).running() as spooled:
        spooled.until(lambda: spooled.spooler.state is SpoolState.FAILED)
        spooled.outbox.put(taken_now(clock, "1"))
        assert len(sent_and_settled(spooled)) == 1


def test_a_disk_that_fails_is_not_tried_all_the_time(tmp_path: Path, clock: ManualClock) -> None:
    tried = 0

    class Failing(Spool):
        def store(self, capture: FaceCapture) -> int:  # noqa: ARG002
            nonlocal tried
            tried += 1
            raise SpoolError(SpoolState.FAILED, "an input or output error")

    spooled = SpooledOutbox(tmp_path, clock, spool=Failing)
    with spooled.running():
        spooled.outbox.put(taken_now(clock, "1"))
        clock.passed_s += SPILLED_S
        spooled.until(lambda: spooled.spooler.state is SpoolState.FAILED)
        for _ in range(3):
            round_passed(spooled)
        assert tried == 1
        clock.passed_s += PAUSE_S
        spooled.until(lambda: tried == 2)
        assert len(sent_and_settled(spooled)) == 1


def test_a_disk_that_hangs_holds_up_nobody_and_is_told(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cekalwatch.camera.outbox.spooler.STUCK_S", 0.05)
    answered = threading.Event()

    class Hanging(Spool):
        def store(self, capture: FaceCapture) -> int:
            answered.wait(30)
            return super().store(capture)

    with SpooledOutbox(tmp_path, clock, spool=Hanging).running() as spooled:
        spooled.outbox.put(taken_now(clock, "1"))
        clock.passed_s += SPILLED_S
        spooled.until(lambda: spooled.spooler.state is SpoolState.FAILED)
        live = taken_now(clock, "2")
        spooled.outbox.put(live)
        assert spooled.outbox.take() is live
        answered.set()
        spooled.until(lambda: spooled.spooler.state is SpoolState.READY)
