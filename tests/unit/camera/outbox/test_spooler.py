"""What waits goes to the disk and comes back; what is too old, or finds no room beside better ones, is dropped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.camera.outbox.state import LOAD_AHEAD
from cekalwatch.contract.values.cameras import Drops, SpoolState
from cekalwatch.contract.values.captures import FaceCapture
from tests.support.builders.camera import ManualClock
from tests.support.scenarios.spools import SPILLED_S, SpooledOutbox, fill, round_passed, sent_and_settled, taken_now
from tests.support.tools.raw_files import JFIF, folder_bytes, pieces, shown


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_what_has_its_receipt_in_time_never_touches_the_disk(tmp_path: Path, clock: ManualClock) -> None:
    with SpooledOutbox(tmp_path, clock).running() as spooled:
        spooled.until(lambda: spooled.spooler.state is SpoolState.READY)
        quick, slow = taken_now(clock, "1"), taken_now(clock, "2")
        spooled.outbox.put(quick)
        clock.passed_s += 1
        spooled.outbox.put(slow)
        assert spooled.outbox.take()
        rounds = spooled.spooler.rounds
        spooled.until(lambda: spooled.spooler.rounds > rounds + 1)
        assert spooled.ids_on_disk == []
        spooled.outbox.settle(quick.capture_id)
        clock.passed_s += 1.5
        spooled.until(lambda: spooled.ids_on_disk == [slow.capture_id])
        spooled.outbox.settle(slow.capture_id)
        spooled.until(lambda: spooled.ids_on_disk == [])


def test_a_receipt_removes_every_byte(tmp_path: Path, clock: ManualClock) -> None:
    with SpooledOutbox(tmp_path, clock).running() as spooled:
        first, second = taken_now(clock, "1"), taken_now(clock, "2")
        fill(spooled, clock, first, second)
        sealed = (spooled.folder / f"{first.capture_id}.capture").read_bytes()
        assert shown(folder_bytes(tmp_path), [JFIF, *pieces(first.jpeg)]) == []
        spooled.outbox.settle(first.capture_id)
        spooled.until(lambda: spooled.ids_on_disk == [second.capture_id])
        left = folder_bytes(tmp_path)
        assert shown(left, [JFIF, *pieces(first.jpeg), *pieces(sealed), first.capture_id.encode()]) == []
        assert not any(first.capture_id in name for name in left)


def test_what_is_on_the_disk_is_not_in_memory_and_comes_back_newest_first(tmp_path: Path, clock: ManualClock) -> None:
    with SpooledOutbox(tmp_path, clock, size=3).running() as spooled:
        captures: list[FaceCapture] = []
        for number in range(40):  # many more than memory has room for
            captures.append(taken_now(clock, str(number)))
            fill(spooled, clock, captures[-1])
        assert spooled.outbox.statistics().drops == Drops()
        assert {item.capture for item in spooled.outbox._state.items.values()} == {None}
        assert spooled.outbox.take() is None
        spooled.until(lambda: len(spooled.outbox._state.unsent) == LOAD_AHEAD)  # else the oldest may come too late
        sent = sent_and_settled(spooled)
        assert {capture.capture_id: capture.jpeg for capture in sent} == {
            capture.capture_id: capture.jpeg for capture in captures
        }
        order = [int(capture.track_id) for capture in sent]
        assert order[:4] == [39, 38, 37, 0]
        assert order != sorted(order)
        spooled.until(lambda: spooled.ids_on_disk == [])


def test_a_run_that_is_over_leaves_what_waits_to_the_next_one(tmp_path: Path, clock: ManualClock) -> None:
    with SpooledOutbox(tmp_path, clock).running() as spooled:
        old = fill(spooled, clock, taken_now(clock, "1"), taken_now(clock, "2"))
        fresh = taken_now(clock, "3")  # at the end everything that has no receipt is written
        spooled.outbox.put(fresh)
        assert spooled.outbox.take() is fresh
    clock.passed_s += 600
    with SpooledOutbox(tmp_path, clock).running() as successor:
        successor.until(lambda: successor.outbox.statistics().depth == 3)
        assert successor.outbox.statistics().oldest_s == pytest.approx(600 + SPILLED_S, abs=0.01)
        assert successor.outbox.statistics().stored_bytes == successor.bytes_on_disk
        live = taken_now(clock, "1")
        successor.outbox.put(live)
        sent = sent_and_settled(successor)
        assert sent[0] is live
        assert {capture.capture_id for capture in sent[1:]} == {*old, fresh.capture_id}
        assert {capture.run_id for capture in sent[1:]} == {spooled.run_id}
        successor.until(lambda: successor.ids_on_disk == [])


def test_a_keeper_that_is_killed_loses_only_what_had_not_waited_yet(tmp_path: Path, clock: ManualClock) -> None:
    """Nothing is done at its end here, as after `kill -9`."""
    killed = SpooledOutbox(tmp_path, clock)
    with killed.running():
        stored = fill(killed, clock, taken_now(clock, "1"))
        with SpooledOutbox(tmp_path, clock).running() as successor:
            successor.until(lambda: successor.outbox.statistics().depth == 1)
            assert [capture.capture_id for capture in sent_and_settled(successor)] == stored


def test_after_a_clock_that_was_behind_nothing_is_sent_with_a_time_to_come(tmp_path: Path, clock: ManualClock) -> None:
    """A host without a battery for its clock begins in the past after a power cut."""
    with SpooledOutbox(tmp_path, clock).running() as spooled:
        fill(spooled, clock, taken_now(clock, "1"))
    clock.set_ahead_s = -86_400.0
    with SpooledOutbox(tmp_path, clock).running() as successor:
        began = clock.now()
        successor.until(lambda: successor.outbox.statistics().depth == 1)
        clock.passed_s += 5
        clock.set_ahead_s = -3600.0  # then the time comes from the network
        [sent] = sent_and_settled(successor)
        assert sent.captured_at == began + timedelta(seconds=86_400 - 3600)


@pytest.mark.parametrize("wrong_s", [3 * 365 * 86_400.0, -3 * 365 * 86_400.0, 7200.0])
@pytest.mark.parametrize("set_right", [True, False])
def test_what_a_run_with_a_wrong_clock_left_is_neither_too_old_nor_without_its_time(
    tmp_path: Path, clock: ManualClock, *, wrong_s: float, set_right: bool
) -> None:
    """The server had told the time; then the program ended, and the clock was set right, or not."""
    server_time = clock.now()
    clock.set_ahead_s = wrong_s
    with SpooledOutbox(tmp_path, clock).running() as spooled:
        spooled.outbox.note_server_time(server_time)
        fill(spooled, clock, taken_now(clock, "1"))
    clock.set_ahead_s = 0.0 if set_right else wrong_s
    clock.passed_s += 60
    with SpooledOutbox(tmp_path, clock).running() as successor:
        successor.until(lambda: successor.outbox.statistics().depth == 1)
        [sent] = sent_and_settled(successor)
        assert successor.outbox.statistics().drops == Drops()
    assert sent.clock_ahead == timedelta(seconds=wrong_s)
    taken_at = sent.captured_at - timedelta(seconds=wrong_s)
    assert abs((taken_at - server_time).total_seconds()) <= SPILLED_S


def test_what_has_waited_for_too_long_is_dropped_and_counted(tmp_path: Path, clock: ManualClock) -> None:
    with SpooledOutbox(tmp_path, clock, most_age_s=60).running() as spooled:
        fill(spooled, clock, taken_now(clock, "1"))
        clock.passed_s += 50
        fill(spooled, clock, taken_now(clock, "2"))
        clock.passed_s += 8
        spooled.until(lambda: spooled.outbox.statistics().depth == 1)
        assert spooled.outbox.statistics().drops == Drops(too_old=1)
        spooled.until(lambda: len(spooled.ids_on_disk) == 1)
    clock.passed_s += 60
    with SpooledOutbox(tmp_path, clock, most_age_s=60).running() as successor:
        successor.until(lambda: successor.outbox.statistics().drops == Drops(too_old=1))
        successor.until(lambda: successor.ids_on_disk == [])


def test_beyond_its_size_the_worst_give_way_and_each_passage_keeps_its_best_shot(
    tmp_path: Path, clock: ManualClock
) -> None:
    with SpooledOutbox(tmp_path, clock, size=4, most_bytes=100_000).running() as spooled:
        best: list[str] = []
        for track in range(6):
            for score in (0.3, 0.9, 0.5, 0.2):
                capture = taken_now(clock, str(track), score, size=10_000)
                spooled.outbox.put(capture)
                if score == 0.9:
                    best.append(capture.capture_id)
                clock.passed_s += SPILLED_S
                round_passed(spooled)
            assert spooled.bytes_on_disk <= 100_000
        figures = spooled.outbox.statistics()
        assert figures.depth + figures.drops.total == 24
        assert figures.drops == Drops(no_room=figures.drops.total)
        assert figures.depth >= 9, "there is room for nine on the disk"
        left = sent_and_settled(spooled)
        assert set(best) <= {capture.capture_id for capture in left}
        # Newest first; the last few may be bad, for they have room in memory.
        assert 0.2 not in {round(capture.quality.score, 3) for capture in left[4:]}, "the worst went first"


def test_when_all_are_best_shots_the_oldest_gives_way(tmp_path: Path, clock: ManualClock) -> None:
    with SpooledOutbox(tmp_path, clock, size=4, most_bytes=50_000).running() as spooled:
        captures = [taken_now(clock, str(number), size=10_000) for number in range(12)]
        for capture in captures:
            spooled.outbox.put(capture)
            clock.passed_s += SPILLED_S
            round_passed(spooled)
        assert spooled.bytes_on_disk <= 50_000
        left = {capture.capture_id for capture in sent_and_settled(spooled)}
        assert len(left) >= 6
        assert left == {capture.capture_id for capture in captures[-len(left) :]}
        assert spooled.outbox.statistics().drops == Drops(no_room=12 - len(left))


def test_at_its_end_a_full_spool_keeps_the_best_of_all(tmp_path: Path, clock: ManualClock) -> None:
    with SpooledOutbox(tmp_path, clock, size=20, most_bytes=60_000).running() as spooled:
        fill(spooled, clock, *(taken_now(clock, "1", 0.1 + number / 10, size=10_000) for number in range(5)))
        for track in ("2", "3"):
            spooled.outbox.put(taken_now(clock, track, 0.3, size=10_000))
    with SpooledOutbox(tmp_path, clock).running() as successor:
        successor.until(lambda: successor.outbox.statistics().depth == 5)
        assert sorted(round(capture.quality.score, 3) for capture in sent_and_settled(successor)) == [
            *(0.3, 0.3, 0.3, 0.4, 0.5)
        ]


def test_a_live_capture_that_went_to_the_disk_waits_for_no_backlog_that_was_loaded_before(
    tmp_path: Path, clock: ManualClock
) -> None:
    with SpooledOutbox(tmp_path, clock).running() as spooled:
        fill(spooled, clock, *(taken_now(clock, f"earlier {number}") for number in range(20)))
        spooled.until(lambda: spooled.outbox.take() is not None)  # others of the backlog have to wait for its receipt
        round_passed(spooled)  # and are in memory
        live = taken_now(clock, "now")
        spooled.outbox.put(live)
        clock.passed_s += 1.6
        spooled.until(lambda: spooled.outbox.statistics().stored == 21)
        taken: list[str] = []

        def sent() -> list[str]:
            taken.extend(one.capture_id for one in [spooled.outbox.take()] if one)
            return taken

        spooled.until(lambda: bool(sent()))
        assert taken == [live.capture_id]
