"""Where strangers are taken for one another, on people whose scores can be done by hand."""

from __future__ import annotations

import pytest

from cekalwatch.contract.values.reports import Rate
from cekalwatch.evaluation.people import EvaluatedPerson, passage_probes
from cekalwatch.evaluation.report.words import compared
from cekalwatch.evaluation.statistics.study import group_pairs
from tests.support.builders.templates import direction, people_of, sample


def person(name: str, group: str, *numbers: float) -> list[object]:
    template = direction(*numbers)
    return [sample(name, template, group=group), sample(name, template, group=group)]


def crowd() -> list[EvaluatedPerson]:
    """Two of one group who look alike (cosine 0.8), and two of another who look like nobody."""
    people = [
        person("ani", "a", 1, 0, 0, 0),
        person("budi", "a", 4, 3, 0, 0),
        person("citra", "b", 0, 0, 1, 0),
        person("dewi", "b", 0, 0, 0, 1),
    ]
    return people_of(*people)  # type: ignore[arg-type]


def test_comparisons_of_strangers_are_counted_within_groups_and_across() -> None:
    people = crowd()
    found = group_pairs(people, passage_probes(people, 1, 1), 0.7, seed=0)
    counts = {(one.traveller, one.listed): (one.mistaken.events, one.mistaken.trials) for one in found}
    assert counts == {("", ""): (2, 12), ("a", "a"): (2, 2), ("a", "b"): (0, 4), ("b", "a"): (0, 4), ("b", "b"): (0, 2)}
    (within,) = (one.mistaken for one in found if one.traveller == one.listed == "b")
    assert (within.low, within.high) == (0, 1), "two people show nothing"


def test_a_higher_threshold_takes_nobody_for_another() -> None:
    people = crowd()
    found = group_pairs(people, passage_probes(people, 1, 1), 0.81, seed=0)
    assert {one.mistaken.events for one in found} == {0}


def test_without_groups_there_is_nothing_to_compare() -> None:
    people = people_of([sample("ani", direction(1, 0)), sample("ani", direction(1, 0))], [sample("budi", None)])
    assert group_pairs(people, passage_probes(people, 1, 1), 0.5, seed=0) == ()


def test_whoever_gave_no_template_is_mistaken_for_nobody() -> None:
    people = people_of(
        [sample("ani", direction(1, 0), group="a"), sample("ani", None, group="a")],
        [sample("budi", direction(1, 0), group="a"), sample("budi", direction(1, 0), group="a")],
    )
    (_, pair) = group_pairs(people, passage_probes(people, 1, 1), 0.5, seed=0)
    assert (pair.mistaken.events, pair.mistaken.trials) == (1, 2)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.02, 0.1, "more often than average"),
        (0.0, 0.005, "less often than average"),
        (0.005, 0.1, "too few to tell"),
    ],
)
def test_a_group_differs_when_its_interval_leaves_the_rate_of_everybody_out(low: float, high: float, said: str) -> None:
    assert compared(Rate((low + high) / 2, low, high, 1, 100), Rate(0.01, 0.009, 0.011, 100, 10_000)) == said
    assert compared(Rate(0, low, high, 0, 0), Rate(0.01, 0.009, 0.011, 100, 10_000)) == "too few to tell"
