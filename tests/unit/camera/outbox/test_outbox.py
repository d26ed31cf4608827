from __future__ import annotations

import dataclasses
import threading
from datetime import timedelta

import pytest

from cekalwatch.camera.outbox.outbox import MAX_BYTES, Outbox
from cekalwatch.contract.values.cameras import Drops
from cekalwatch.contract.values.captures import FaceCapture
from tests.support.builders.camera import ManualClock, capture_of


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def filled(clock: ManualClock, *captures: FaceCapture, size: int = 100) -> Outbox:
    outbox = Outbox(size, clock)
    for capture in captures:
        outbox.put(capture)
        clock.passed_s += 1
    return outbox


def drained(outbox: Outbox) -> list[FaceCapture]:
    """Take everything that can be taken, each with its receipt before the next."""
    taken = []
    while capture := outbox.take():
        taken.append(capture)
        outbox.settle(capture.capture_id)
    return taken


def test_a_capture_is_given_out_once_until_it_comes_back(clock: ManualClock) -> None:
    capture = capture_of("1")
    outbox = filled(clock, capture)
    assert outbox.take() is capture
    assert outbox.take() is None
    outbox.return_in_flight()
    assert outbox.take() is capture


def test_a_receipt_deletes_it_whether_in_flight_or_not(clock: ManualClock) -> None:
    first, second = capture_of("1"), capture_of("2")
    outbox = filled(clock, first, second)
    assert outbox.take()
    outbox.settle(first.capture_id)
    outbox.settle(second.capture_id)
    outbox.settle("unknown")
    outbox.return_in_flight()
    assert outbox.take() is None
    assert (outbox.statistics().depth, outbox.statistics().settled_total) == (0, 2)


def test_a_retry_comes_after_pauses_that_double(clock: ManualClock) -> None:
    capture = capture_of("1", captured_at=clock.now())
    outbox = filled(clock, capture)
    for pause_s in (1, 2, 4, 8, 16, 30, 30):
        assert outbox.take() is capture
        outbox.retry_later(capture.capture_id)
        assert outbox.take() is None
        assert outbox.next_ready_s() == pytest.approx(pause_s)
        clock.passed_s += pause_s
    assert outbox.take() is capture


def test_of_a_backlog_the_newest_goes_first_and_the_oldest_does_not_starve(clock: ManualClock) -> None:
    captures = [capture_of(str(number)) for number in range(8)]
    outbox = filled(clock, *captures)
    clock.passed_s += 60
    order = [captures.index(capture) for capture in drained(outbox)]
    assert order == [7, 6, 5, 0, 4, 3, 2, 1]


def test_what_has_just_been_taken_goes_before_a_backlog_and_lets_it_have_a_turn(clock: ManualClock) -> None:
    late = [capture_of(f"late-{number}") for number in range(3)]
    outbox = filled(clock, *late)
    clock.passed_s += 60
    live = [capture_of(f"live-{number}") for number in range(7)]
    for capture in live:
        outbox.put(capture)
    tracks = [capture.track_id for capture in drained(outbox)]
    assert tracks == [
        *("live-6", "live-5", "live-4", "late-2"),
        *("live-3", "live-2", "live-1", "late-1"),
        *("live-0", "late-0"),
    ]


def test_a_backlog_under_way_leaves_room_for_what_comes(clock: ManualClock) -> None:
    """Whatever the server would take: what lies in the network's buffers is before a fresh capture."""
    crops = [dataclasses.replace(capture_of(str(number)), jpeg=bytes(20_000)) for number in range(10)]
    outbox = filled(clock, *crops)
    clock.passed_s += 60
    assert [bool(outbox.take(credit=32)) for _ in range(4)] == [True, True, True, False]
    fresh = [dataclasses.replace(capture_of("fresh"), jpeg=bytes(20_000)) for _ in range(3)]
    for capture in fresh:
        outbox.put(capture)
    assert [outbox.take(credit=29) for _ in range(3)] == [fresh[2], fresh[1], None]
    outbox.settle(fresh[2].capture_id)
    assert outbox.take(credit=29) is fresh[0]


def test_a_backlog_never_has_more_than_half_of_the_credits_but_one_in_any_case(clock: ManualClock) -> None:
    small = [dataclasses.replace(capture_of(str(number)), jpeg=bytes(100)) for number in range(10)]
    outbox = filled(clock, *small)
    clock.passed_s += 60
    assert outbox.take(credit=1)
    assert outbox.take(credit=1) is None
    assert [bool(outbox.take(credit=7 - taken)) for taken in range(4)] == [True, True, True, False]


def test_the_first_fit_crop_of_each_passage_is_sent_before_further_crops_live_or_late(clock: ManualClock) -> None:
    blurred = dataclasses.replace(capture_of("2"), quality=dataclasses.replace(capture_of("2").quality, sharpness=0.0))
    sent, first, further = capture_of("1"), capture_of("2"), capture_of("1")
    outbox = filled(clock, sent)
    assert drained(outbox) == [sent]
    for capture in (first, further, blurred):
        outbox.put(capture)
    assert drained(outbox) == [first, blurred, further]
    late = [capture_of("3"), capture_of("1")]
    for capture in late:
        outbox.put(capture)
    clock.passed_s += 60
    assert drained(outbox) == late


def test_the_last_credit_is_kept_for_the_first_crop_of_a_passage(clock: ManualClock) -> None:
    further = [capture_of("1") for _ in range(3)]
    outbox = filled(clock, *further)
    assert outbox.take(credit=2)
    assert outbox.take(credit=1) is None
    assert not outbox.has_spare(1)
    first = capture_of("2")
    outbox.put(first)
    assert outbox.take(credit=1) is first
    outbox.note_taken(2)
    assert outbox.has_spare(1)
    assert outbox.take(credit=1), "a camera that has one credit only sends everything with it"


def test_a_first_crop_that_is_sent_again_is_still_the_first(clock: ManualClock) -> None:
    first = capture_of("1")
    outbox = filled(clock, first)
    assert outbox.take() is first
    outbox.return_in_flight()
    outbox.put(capture_of("1"))
    assert outbox.take(credit=2) is first


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0])
def test_when_the_hosts_clock_is_set_what_waits_gets_the_time_that_it_would_have_told(
    clock: ManualClock, jump_s: float
) -> None:
    """As after a power cut, when the time comes from the network a while after the program has begun."""
    outbox = filled(clock, capture_of("1", captured_at=clock.now()))
    clock.passed_s += 30
    clock.set_ahead_s = jump_s
    taken = outbox.take()
    assert taken
    assert taken.captured_at == clock.now() - timedelta(seconds=31)
    assert outbox.statistics().oldest_s == 31


def test_a_clock_that_drifts_is_no_clock_that_was_set(clock: ManualClock) -> None:
    capture = capture_of("1", captured_at=clock.now())
    outbox = filled(clock, capture)
    clock.set_ahead_s = 0.5
    assert outbox.take() is capture


def test_what_the_server_refuses_is_counted_as_lost(clock: ManualClock) -> None:
    outbox = filled(clock, capture_of("1"), capture_of("1"))
    taken = outbox.take()
    assert taken
    outbox.refuse(taken.capture_id)
    assert outbox.statistics().drops == Drops(refused=1)
    assert outbox.statistics().depth == 1


def test_what_the_server_has_taken_in_leaves_room_on_the_link_before_its_receipt(clock: ManualClock) -> None:
    outbox = filled(clock, dataclasses.replace(capture_of("1"), jpeg=bytes(MAX_BYTES)))
    assert outbox.take(credit=32)
    outbox.put(capture_of("2"))
    assert outbox.take(credit=31) is None
    outbox.note_taken(1)
    assert outbox.statistics().in_flight == 1
    assert outbox.take(credit=32)


def test_when_full_the_worst_crop_that_is_not_its_tracks_best_goes(clock: ManualClock) -> None:
    best_of_poor_track = capture_of("1", 0.1)
    good, better = capture_of("2", 0.8), capture_of("2", 0.9)
    middling = capture_of("2", 0.5)
    outbox = filled(clock, best_of_poor_track, good, middling, better, size=3)
    assert set(drained(outbox)) == {best_of_poor_track, good, better}
    assert outbox.statistics().drops == Drops(no_room=1)


def test_a_passage_of_which_a_better_crop_has_arrived_gives_way_to_one_of_which_none_has(clock: ManualClock) -> None:
    arrived, lone, other = capture_of("1", 0.9), capture_of("2", 0.3), capture_of("3", 0.4)
    outbox = filled(clock, arrived, size=2)
    outbox.settle(arrived.capture_id)
    for capture in (lone, capture_of("1", 0.5), other):
        outbox.put(capture)
    assert set(drained(outbox)) == {lone, other}


def test_a_new_crop_that_is_the_worst_is_itself_dropped(clock: ManualClock) -> None:
    spooled = [capture_of("1", 0.8), capture_of("1", 0.9)]
    outbox = filled(clock, *spooled, capture_of("1", 0.2), size=2)
    assert set(drained(outbox)) == set(spooled)


def test_when_all_are_best_of_their_track_the_oldest_passage_goes(clock: ManualClock) -> None:
    captures = [capture_of(str(number), 0.9 - number / 10) for number in range(4)]
    outbox = filled(clock, *captures, size=3)
    assert set(drained(outbox)) == set(captures[1:])


def test_what_is_under_way_is_not_dropped_for_it_has_probably_arrived(clock: ManualClock) -> None:
    under_way, waiting, best = capture_of("1", 0.1), capture_of("1", 0.2), capture_of("1", 0.9)
    outbox = Outbox(1, clock)
    outbox.put(under_way)
    assert outbox.take() is under_way
    outbox.put(waiting)
    outbox.put(best)
    assert outbox.statistics().drops == Drops(no_room=1)
    outbox.return_in_flight()
    assert set(drained(outbox)) == {under_way, best}


def test_figures_tell_depth_and_ages(clock: ManualClock) -> None:
    first, second = capture_of("1"), capture_of("2")
    outbox = filled(clock, first, second)  # put at 0 s and 1 s; now it is 2 s
    assert outbox.take() is second
    clock.passed_s += 3
    figures = outbox.statistics()
    assert (figures.depth, figures.in_flight) == (2, 1)
    assert (figures.oldest_s, figures.oldest_in_flight_s, figures.waiting_s) == (5, 3, 5)
    outbox.settle(second.capture_id)
    clock.passed_s += 2
    figures = outbox.statistics()
    assert (figures.oldest_s, figures.oldest_in_flight_s, figures.waiting_s) == (7, 0, 2)
    outbox.settle(first.capture_id)
    assert outbox.statistics().waiting_s == outbox.statistics().oldest_s == 0


def test_who_waits_for_room_goes_on_when_a_receipt_comes_or_the_outbox_closes(clock: ManualClock) -> None:
    capture = capture_of("1")
    for release in (lambda box: box.settle(capture.capture_id), Outbox.close):
        outbox = filled(clock, capture, size=1)
        waiter = threading.Thread(target=outbox.wait_for_room)
        waiter.start()
        assert waiter.is_alive()
        release(outbox)
        waiter.join(10)
        assert not waiter.is_alive()


def test_listeners_hear_of_changes_until_they_end_it(clock: ManualClock) -> None:
    outbox = Outbox(10, clock)
    heard: list[int] = []
    end = outbox.listen(lambda: heard.append(1))
    outbox.put(capture_of("1"))
    end()
    outbox.put(capture_of("1"))
    assert heard == [1]


def test_an_outbox_without_room_is_refused(clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Outbox(0, clock)
