"""What must have arrived, after faults that may have lost something."""

from __future__ import annotations

from benchmarks.chaos.people import WANDERER
from benchmarks.chaos.truth import SURE_AFTER_S, Due, SeenCrop, SeenPassage, Truth


class HandClock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def passage(*keys: str, subject_id: str = "S-001", camera: str = "gate-1", due: Due = Due.ALERT) -> SeenPassage:
    return SeenPassage(1, subject_id, camera, "D1", due, [SeenCrop(key, b"", 0.0) for key in keys])


def certain(truth: Truth) -> set[str]:
    return {crop.capture_id for one in truth.copied() for crop in one.crops if crop.certain}


def test_what_a_camera_has_not_taken_need_not_arrive() -> None:
    truth = Truth()
    truth.passed(passage("a", "b"))
    truth.taken("a")
    assert certain(truth) == {"a"}
    assert truth.waiting() == 1
    truth.has_receipt("a")
    assert truth.waiting() == 0


def test_a_kill_may_lose_what_is_young_and_nothing_that_had_its_receipt() -> None:
    clock = HandClock()
    truth = Truth(clock)
    truth.passed(passage("old", "young", "received"))
    truth.passed(passage("elsewhere", camera="gate-3"))
    truth.taken("old")
    clock.now_s += SURE_AFTER_S + 0.1
    for key in ("young", "received", "elsewhere"):
        truth.taken(key)
    truth.has_receipt("received")
    truth.host_killed(["gate-1", "gate-2"])
    assert certain(truth) == {"old", "received", "elsewhere"}


def test_a_kill_may_lose_all_that_waits_while_the_disk_takes_nothing() -> None:
    clock = HandClock()
    truth = Truth(clock)
    truth.passed(passage("old"))
    truth.taken("old")
    clock.now_s += 10 * SURE_AFTER_S
    with truth.unsafe_disk(["gate-1"]):
        truth.host_killed(["gate-1"])
    assert certain(truth) == set()


def test_what_was_lost_for_all_we_know_and_comes_with_a_receipt_must_be_there() -> None:
    truth = Truth()
    truth.passed(passage("a"))
    truth.taken("a")
    truth.host_killed(["gate-1"])
    assert certain(truth) == set()
    truth.has_receipt("a")
    assert certain(truth) == {"a"}


def test_a_change_of_the_list_leaves_open_what_becomes_of_who_is_on_the_way() -> None:
    truth = Truth()
    truth.passed(decided := passage("decided", subject_id=WANDERER, due=Due.NOTHING))
    truth.passed(on_the_way := passage("on the way", subject_id=WANDERER, due=Due.NOTHING))
    truth.passed(other := passage("other"))
    truth.taken("decided")
    truth.has_receipt("decided")
    change = truth.list_changes()
    assert (decided.due, on_the_way.due, other.due) == (Due.NOTHING, Due.EITHER, Due.ALERT)
    assert truth.wanderer_listed is None
    truth.list_changed(change, listed=True)
    assert truth.wanderer_listed is True


def test_a_change_that_was_overtaken_settles_nothing() -> None:
    truth = Truth()
    first, second = truth.list_changes(), truth.list_changes()
    truth.list_changed(first, listed=True)
    assert truth.wanderer_listed is None
    truth.list_changed(second, listed=False)
    assert truth.wanderer_listed is False
