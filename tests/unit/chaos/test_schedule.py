"""The same seed gives the same faults, and no two faults of one thing at the same time."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from benchmarks.chaos.faults.catalogue import FAULTS
from benchmarks.chaos.schedule import FAULTS_A_DAY, FAULTS_A_STRETCH, FaultKind, PlannedFault, day, days

KINDS = [fault.kind for fault in FAULTS.values()]


def test_a_seed_gives_the_same_faults_again_and_another_seed_gives_others() -> None:
    assert days(7, 230, KINDS) == days(7, 230, KINDS)
    assert days(7, 230, KINDS) != days(8, 230, KINDS)


def test_a_day_is_the_same_whatever_comes_before_it() -> None:
    assert days(7, 230, KINDS)[1] == day(7, 2, FAULTS_A_DAY, KINDS)
    assert [one.faults for one in days(7, 230, KINDS)] == [100, 100, 30]


def test_stretches_number_their_faults_and_end() -> None:
    count = 2 * FAULTS_A_STRETCH + 10
    played = day(7, 1, count, KINDS)
    assert [len(stretch) for stretch in played.stretches] == [FAULTS_A_STRETCH, FAULTS_A_STRETCH, 10]
    assert [fault.number for stretch in played.stretches for fault in stretch] == list(range(1, count + 1))


def test_a_process_has_one_fault_at_a_time() -> None:
    kinds = {kind.name: kind for kind in KINDS}

    def what(fault: PlannedFault) -> tuple[str, str]:
        return kinds[fault.kind].busies, fault.target

    overlapping = 0
    for seed in range(20):
        for stretch in day(seed, 1, 100, KINDS).stretches:
            for one, other in combinations(stretch, 2):
                if other.at_s < one.end_s:
                    overlapping += 1
                    assert what(one) != what(other), f"{one}, {other}"
    assert overlapping, "faults of different things do overlap"


def test_every_kind_is_drawn_and_faults_last_as_long_as_their_kind_says() -> None:
    drawn = [fault for one in days(3, 1000, KINDS) for stretch in one.stretches for fault in stretch]
    kinds = {kind.name: kind for kind in KINDS}
    assert {fault.kind for fault in drawn} == set(kinds)
    for fault in drawn:
        low, high = kinds[fault.kind].hold_s
        assert low - 0.01 <= fault.hold_s <= high + 0.01
        assert fault.target in kinds[fault.kind].targets


def test_one_target_is_waited_for() -> None:
    kind = FaultKind("kill", ("database",), hold_s=(6.0, 9.0))
    (stretch,) = day(1, 1, 5, [kind]).stretches
    assert all(later.at_s >= earlier.end_s for earlier, later in pairwise(stretch))


def test_no_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="no kind"):
        day(1, 1, 5, [])
