from __future__ import annotations

import numpy as np
import pytest

from cekalwatch.evaluation.people import passage_probes, single_probes
from cekalwatch.evaluation.statistics.trials import NOBODY, NOTHING, WatchedList, pooled
from cekalwatch.vision.cohort import FULL_FROM
from tests.support.builders.cohorts import cohort
from tests.support.builders.templates import direction, noisy_people, people_of, sample

X, Y, Z = direction(1, 0, 0), direction(0, 1, 0), direction(0, 0, 1)


def test_a_listed_persons_image_is_searched_with_and_without_that_person():
    people = people_of(
        [sample("ani", X), sample("ani", direction(4, 3, 0))],
        [sample("budi", Y), sample("budi", Y)],
    )
    trials = WatchedList.of(people, {0: 1, 1: 1}).search(single_probes(people, 1), frozenset({0, 1}))
    assert trials.mated == pytest.approx([0.8, 1.0])
    assert trials.non_mated == pytest.approx([0.6, 0.0])
    assert trials.non_mated_nearest.tolist() == [1, 0]


def test_who_is_not_first_is_missed_whatever_the_score():
    people = people_of([sample("ani", X), sample("ani", direction(3, 4, 0))], [sample("budi", Y), sample("budi", Y)])
    trials = WatchedList.of(people, {0: 1, 1: 1}).search(single_probes(people, 1), frozenset({0, 1}))
    assert trials.mated[0] == NOTHING
    assert trials.non_mated[0] == pytest.approx(0.8)


def test_who_is_not_listed_counts_as_not_listed_alone():
    people = people_of([sample("ani", X), sample("ani", X)], [sample("citra", direction(1, 1, 0))])
    trials = WatchedList.of(people, {0: 1}).search(single_probes(people, 1), frozenset({0}))
    assert trials.mated_person.tolist() == [0]
    assert trials.non_mated == pytest.approx([NOTHING, 2**-0.5])
    assert trials.non_mated_person.tolist() == [0, 1]
    assert trials.non_mated_nearest[0] in (NOBODY, 0)


def test_the_best_of_several_references_counts():
    people = people_of([sample("ani", X), sample("ani", Y), sample("ani", direction(0, 4, 3))], [sample("budi", Z)])
    probes = single_probes(people, 2)
    assert WatchedList.of(people, {0: 1, 1: 1}).search(probes, frozenset({0})).mated == pytest.approx([NOTHING])
    assert WatchedList.of(people, {0: 2, 1: 1}).search(probes, frozenset({0})).mated == pytest.approx([0.8])


def test_a_passage_alerts_when_any_crop_on_the_way_did():
    # The first crop alone scores 1; with the second one fused, less.
    people = people_of([sample("ani", X)], [sample("budi", X, "cam"), sample("budi", Y, "cam")])
    trials = WatchedList.of(people, {0: 1}).search(passage_probes(people, 1, 3), frozenset())
    assert trials.non_mated[-1] == pytest.approx(1.0)


def test_crops_of_a_passage_weigh_by_their_quality_as_on_the_server():
    people = people_of(
        [sample("ani", X), sample("ani", Y, "cam", quality=0.2), sample("ani", X, "cam", quality=0.8)],
        [sample("budi", Z)],
    )
    trials = WatchedList.of(people, {0: 1}).search(passage_probes(people, 1, 3), frozenset({0}))
    assert trials.mated == pytest.approx([4 / 17**0.5])


def test_a_face_that_could_not_be_acquired_is_a_miss_and_no_false_alert():
    people = people_of([sample("ani", X), sample("ani", None)], [sample("budi", Y), sample("budi", Y)])
    trials = WatchedList.of(people, {0: 1, 1: 1}).search(single_probes(people, 1), frozenset({0, 1}))
    assert trials.mated.tolist() == [NOTHING, 1.0]
    assert trials.non_mated[0] == NOTHING


def test_a_reference_that_could_not_be_acquired_makes_misses_of_that_persons_images():
    people = people_of([sample("ani", None), sample("ani", X)], [sample("budi", Y), sample("budi", Y)])
    trials = WatchedList.of(people, {0: 1, 1: 1}).search(single_probes(people, 1), frozenset({0, 1}))
    assert trials.mated.tolist() == [NOTHING, 1.0]


def test_an_empty_list_alerts_for_nobody():
    people = people_of([sample("ani", X), sample("ani", X)])
    trials = WatchedList.of(people, {}).search(single_probes(people, 1), frozenset({0}))
    assert trials.mated.tolist() == trials.non_mated.tolist() == [NOTHING]


def test_short_passages_tell_about_false_alerts_alone():
    people = people_of([sample("ani", X) for _ in range(5)], [sample("budi", Y)])
    probes = passage_probes(people, 1, 3)
    assert [(probe.crops, probe.whole) for probe in probes] == [(3, True), (1, False), (1, False)]
    trials = WatchedList.of(people, {0: 1}).search(probes, frozenset({0}))
    assert len(trials.mated) == 1
    assert len(trials.non_mated) == 3


def test_blocks_of_probes_give_what_one_search_at_a_time_gives():
    people = noisy_people(150, 6, seed=1)
    listed = frozenset(range(0, 150, 2))
    watched = WatchedList.of(people, dict.fromkeys(listed, 1))
    probes = passage_probes(people, 1, 2)
    together = watched.search(probes, listed)
    apart = pooled([watched.search([probe], listed) for probe in probes])
    for name in ("mated", "non_mated"):
        assert getattr(together, name) == pytest.approx(getattr(apart, name), abs=1e-5)
    assert np.array_equal(together.non_mated_nearest, apart.non_mated_nearest)


def test_scores_are_compared_with_those_of_their_own_search_as_on_the_server():
    people = people_of(
        [sample("ani", X), sample("ani", direction(4, 3, 0))],
        [sample("budi", Y), sample("budi", Y)],
        [sample("citra", Z)],
    )
    model = cohort(part=1.0, ranks=2, limit=0.9, usual=0.0)
    trials = WatchedList.of(people, dict.fromkeys(range(3), 1), model).search(single_probes(people, 1), frozenset({0}))
    (mated,), ani = trials.mated, trials.non_mated[0]
    assert mated == pytest.approx(0.8 - 2 / FULL_FROM * (0.6 + 0.0) / 2), "budi and citra follow"
    assert ani == pytest.approx(0.6 - 1 / FULL_FROM * 0.0), "without ani, citra follows budi"
    assert trials.non_mated[1] == pytest.approx(0.0), "budi's picture: ani and citra"
    passages = people_of([sample("ani", X)], [sample("budi", X, "cam"), sample("budi", Y, "cam")])
    alone = WatchedList.of(passages, {0: 1}, model).search(passage_probes(passages, 1, 3), frozenset())
    assert alone.non_mated[-1] == pytest.approx(1.0), "a list of one keeps its scores"


def test_pairs_of_strangers_are_compared_as_if_the_traveller_were_not_listed():
    people = people_of([sample("ani", X), sample("ani", direction(4, 3, 0))], [sample("budi", Y)], [sample("citra", Z)])
    model = cohort(part=1.0, ranks=2, limit=0.9, usual=0.3)
    watched = WatchedList.of(people, dict.fromkeys(range(3), 1), model)
    (_, scores, owners), *_ = watched.best_scores(single_probes(people, 1))
    assert owners.tolist() == [0, 1, 2]
    assert scores == pytest.approx([0.8, 0.6 + 0.3 / FULL_FROM, 0.3 / FULL_FROM])
